"""The kinds of files: which are taken, and what is said of the others."""

import re
from typing import Literal

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

from shared.errors import InputError

Code = Literal[
    "image_empty",
    "image_too_large",
    "image_truncated",
    "image_unreadable",
    "image_unsupported",
    "image_too_complex",
    "image_too_slow",
    "image_crashed",
]

_PLUGINS = {
    "JPEG": JpegImagePlugin,
    "PNG": PngImagePlugin,
    "WEBP": WebPImagePlugin,
    "GIF": GifImagePlugin,
    "BMP": BmpImagePlugin,
    "TIFF": TiffImagePlugin,
    "AVIF": AvifImagePlugin,
}
FORMATS = tuple(name for name in _PLUGINS if name in Image.OPEN)
"""What `decode` takes; importing the plugins here keeps Pillow from importing all it has.
A JPEG with several frames (MPO) is one of them."""

_REFUSED = re.compile(
    rb"%PDF|%!PS|8BPS|gimp xcf|\x00\x00\x01\x00|\x00\x00\x00\x0cjP  |\xff\x4f\xff\x51|\xff\x0a"
    rb"|\x00\x00\x00\x0cJXL |P[1-7]\s|qoif|v/1\x01|#\?RADIANCE|....ftyp(?!avi[fs])"
    rb"|(\xef\xbb\xbf)?\s*<(\?xml|svg|!DOCTYPE svg)",
    re.DOTALL,
)
"""First bytes of formats that are pictures (or films) of a kind we do not take."""

_TRUNCATED = re.compile(
    r"truncat|end of (file|data)|not enough|premature|too short|EOF", re.IGNORECASE
)


def refusal(data: bytes, broken: Exception) -> InputError:
    """Why these bytes, which broke a decoder, are not taken."""
    if _REFUSED.match(data):
        kinds = ", ".join(FORMATS)
        return InputError(
            f"this kind of file is not taken; taken: {kinds}", code="image_unsupported"
        )
    if "out of memory" in str(broken):  # said by a codec; Pillow itself raises `MemoryError`
        return InputError("the picture takes too much memory", code="image_too_complex")
    if _TRUNCATED.search(str(broken)) or _cut_short(data):
        return InputError("the end of the picture is missing", code="image_truncated")
    if isinstance(broken, UnidentifiedImageError):
        return InputError("the file is not a picture", code="image_unreadable")
    return InputError("the picture is damaged", code="image_unreadable")


def _cut_short(data: bytes) -> bool:
    """Whether the container announces more bytes than there are, or lacks its last mark."""
    if data.startswith(b"RIFF"):
        return len(data) < int.from_bytes(data[4:8], "little") + 8
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return b"IEND" not in data[-64:]
    if data.startswith(b"BM"):
        return len(data) < int.from_bytes(data[2:6], "little")
    if data.startswith(b"\xff\xd8\xff"):
        return b"\xff\xd9" not in data[-64:]
    return False
