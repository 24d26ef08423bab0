"""Pictures: from any bytes that a phone, a scanner or a painter's program saves, to upright sRGB.

Whatever the bytes are, `decode` answers with a `Picture` or an `InputError`: never a warning, never
another exception, as long as its process lives and has memory. The worker decodes by way of
`gpu_worker.decoding`, where neither matters. The codes of both, and all there are for a picture:

    image_empty         no bytes, or too few pixels for anything to be seen
    image_too_large     more pixels than the model takes
    image_truncated     the end is missing
    image_unreadable    no picture, or a damaged one
    image_unsupported   a picture or a film of a kind that is not taken
    image_too_complex   takes more memory to decode than any honest picture
    image_too_slow      takes more time to decode than any honest picture
    image_crashed       ended the process that decoded it
"""

import io
import itertools
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageCms,
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

MAX_PIXELS = 64_000_000
MIN_SIDE = 8
"""Below this many pixels in either direction there is nothing to see."""

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


@dataclass(frozen=True, eq=False)
class Picture:
    """An upright sRGB picture."""

    rgb: np.ndarray
    """(H, W, 3) uint8"""
    alpha: np.ndarray | None = None
    """(H, W) uint8, not premultiplied; None where all is opaque."""

    @property
    def width(self) -> int:
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        return int(self.rgb.shape[0])

    def resized(self, long_side: int) -> "Picture":
        """The same picture with its longer side at that length, smaller or larger."""
        scale = long_side / max(self.width, self.height)
        return self.scaled(
            max(1, round(self.width * scale)),
            max(1, round(self.height * scale)),
        )

    def scaled(self, width: int, height: int) -> "Picture":
        """The same picture at exactly that size (Lanczos; colours weighted by their alpha)."""
        if (width, height) == (self.width, self.height):
            return self
        # Pillow premultiplies RGBA by itself before it filters, and divides afterwards.
        resized = _image(self).resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
        pixels = _pixels(resized)
        if self.alpha is None:
            return Picture(pixels)
        return Picture(np.ascontiguousarray(pixels[..., :3]), pixels[..., 3].copy())

    def over(self, colour: tuple[int, int, int] = (255, 255, 255)) -> np.ndarray:
        """The picture laid on a ground of one colour: (H, W, 3) uint8."""
        if self.alpha is None:
            return self.rgb
        ground = Image.new("RGB", (self.width, self.height), colour)
        ground.paste(Image.fromarray(self.rgb), mask=Image.fromarray(self.alpha))
        return _pixels(ground)


def decode(data: bytes, max_pixels: int = MAX_PIXELS, long_side: int | None = None) -> Picture:
    """The picture in these bytes: its first frame, upright, in sRGB.

    With `long_side` it comes no larger than that (never enlarged), and a JPEG is not even decoded
    at its full size. Raises `InputError` for whatever is not a picture that we take.
    """
    if not data:
        raise InputError("the file is empty", code="image_empty")
    try:
        with _quiet():
            return _decode(data, max_pixels, long_side)
    except (InputError, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise InputError("the picture has too many pixels", code="image_too_large") from None
    except Exception as broken:  # Pillow's plugins raise what they like.
        raise _refusal(data, broken) from None


def encode_png(picture: Picture) -> bytes:
    """A PNG, RGBA where the picture has alpha.

    The Up filter on every row, then zlib looking for runs only: as small as Pillow's level 1, and
    2.7 times as fast; one band of rows at a time, so that a large picture is not held twice.
    """
    kind = 2 if picture.alpha is None else 6
    header = struct.pack(">IIBBBBB", picture.width, picture.height, 8, kind, 0, 0, 0)
    packer = zlib.compressobj(1, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
    body = [packer.compress(rows.data) for rows in _filtered(picture)]
    chunks = _chunk(b"IHDR", header), _chunk(b"IDAT", *body, packer.flush()), _chunk(b"IEND")
    return b"".join((b"\x89PNG\r\n\x1a\n", *itertools.chain(*chunks)))


def thumbnail(picture: Picture, long_side: int = 384) -> bytes:
    """A small WebP, alpha kept; a picture that is small already keeps its size."""
    small = picture.resized(long_side) if max(picture.rgb.shape[:2]) > long_side else picture
    out = io.BytesIO()
    _image(small).save(out, "WEBP", quality=80, method=2)
    return out.getvalue()


def _decode(data: bytes, max_pixels: int, long_side: int | None) -> Picture:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        _check_size(image, max_pixels)
        if long_side:
            # Twice the size asked for: Lanczos does the rest better than the DCT would.
            scale = 2 * long_side / max(image.size)
            image.draft(None, (int(image.width * scale) + 1, int(image.height * scale) + 1))
        image.load()
        _check_largest(image, max_pixels)  # the header may have told another size
        turn = _turn(image)
        alpha = _alpha(image)
        colour = _to_srgb(_without_alpha(image), image.info.get("icc_profile"))
    picture = Picture(_pixels(colour), None if alpha is None else _pixels(alpha))
    if long_side and max(colour.size) > long_side:
        picture = picture.resized(long_side)
    return _turned(picture, turn)


def _check_size(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if min(width, height) < MIN_SIDE:
        raise InputError(
            f"the picture has {width} x {height} pixels; {MIN_SIDE} x {MIN_SIDE} are needed",
            code="image_empty",
        )
    _check_largest(image, max_pixels)


def _check_largest(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise InputError(
            f"the picture has {width} x {height} pixels, more than {max_pixels:,}",
            code="image_too_large",
        )


def _refusal(data: bytes, broken: Exception) -> InputError:
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


# Colour


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """RGB in sRGB, by way of the profile where it is of use."""
    if image.mode == "LAB":
        return _converted(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    if profile:
        try:
            return _profiled(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass  # A broken profile, or one for another kind of picture, is no reason to refuse.
    return image.convert("RGB")


def _profiled(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    space = profile.profile.xcolor_space.strip()
    if space == "RGB" and image.mode != "CMYK":
        image = image.convert("RGB")
        if (profile.profile.profile_description or "").startswith("sRGB"):
            return image
    return _converted(image, profile)


def _converted(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    converted = ImageCms.profileToProfile(image, profile, _srgb(), outputMode="RGB")
    if converted is None:
        raise ValueError("lcms gave nothing back")
    return converted


# Modes


def _alpha(image: Image.Image) -> Image.Image | None:
    """The alpha channel (mode L), or None where every pixel is opaque."""
    if image.mode.startswith("I;16") or not image.has_transparency_data:
        return None
    alpha = image.convert("RGBA").getchannel("A")
    return None if alpha.getextrema() == (255, 255) else alpha


def _without_alpha(image: Image.Image) -> Image.Image:
    """The colours alone, 8 bits each, in mode L, RGB, CMYK or LAB."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return Image.fromarray(_eight_bits(image))
    if image.mode in ("1", "LA", "La"):
        return image.convert("LA" if image.mode == "La" else image.mode).convert("L")
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image
    if image.mode in ("RGBa", "P", "PA"):
        image = image.convert("RGBA")
    return image.convert("RGB")


def _eight_bits(image: Image.Image) -> np.ndarray:
    """(H, W) uint8 from 12, 16 or 32 bits, whole or broken numbers."""
    values = np.nan_to_num(np.asarray(image).astype(np.float32), posinf=0.0, neginf=0.0)
    low, high = _range(image, float(values.min()), float(values.max()))
    scaled: np.ndarray = np.clip((values - low) * (255.0 / (high - low)) + 0.5, 0, 255)
    return scaled.astype(np.uint8)


def _range(image: Image.Image, least: float, most: float) -> tuple[float, float]:
    """The values that mean black and white: the format's where it has any, else those found."""
    if image.mode.startswith("I;16"):
        return 0.0, 4095.0 if _tiff_bits(image) == 12 else 65535.0
    usual = (1.0, 255.0, 65535.0) if image.mode == "F" else (65535.0,)
    for white in usual:
        if least >= 0 and most <= white:
            return 0.0, white
    return least, max(most, least + 1e-6)


def _tiff_bits(image: Image.Image) -> int:
    bits: Any = getattr(image, "tag_v2", {}).get(TiffImagePlugin.BITSPERSAMPLE, (0,))
    return int(bits[0])


# Orientation

_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a[::-1].swapaxes(0, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a[:, ::-1].swapaxes(0, 1),
}
"""What makes a picture upright, by its EXIF orientation."""


def _turn(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # Damaged EXIF says nothing about which way is up.
        return 1


def _turned(picture: Picture, turn: int) -> Picture:
    if turn not in _TURNS:
        return picture
    alpha = None if picture.alpha is None else np.ascontiguousarray(_TURNS[turn](picture.alpha))
    return Picture(np.ascontiguousarray(_TURNS[turn](picture.rgb)), alpha)


# PNG


def _filtered(picture: Picture) -> Iterator[np.ndarray]:
    """Bands of rows as PNG stores them: a filter's number, then differences to the row above."""
    band = max(1, 4_000_000 // picture.width)
    above: np.ndarray | None = None
    for top in range(0, picture.height, band):
        pixels = picture.rgb[top : top + band]
        if picture.alpha is not None:
            pixels = np.dstack([pixels, picture.alpha[top : top + band]])
        flat = pixels.reshape(len(pixels), -1)
        rows = np.empty((flat.shape[0], flat.shape[1] + 1), np.uint8)
        rows[:, 0] = 2
        rows[0, 1:] = flat[0] if above is None else flat[0] - above
        np.subtract(flat[1:], flat[:-1], out=rows[1:, 1:])
        above = flat[-1]
        yield rows


def _chunk(name: bytes, *parts: bytes) -> list[bytes]:
    check = zlib.crc32(name)
    for part in parts:
        check = zlib.crc32(part, check)
    size = sum(len(part) for part in parts)
    return [struct.pack(">I4s", size, name), *parts, struct.pack(">I", check)]


# Pillow and numpy


def _image(picture: Picture) -> Image.Image:
    if picture.alpha is None:
        return Image.fromarray(np.ascontiguousarray(picture.rgb))
    return Image.fromarray(np.dstack([picture.rgb, picture.alpha]))


def _pixels(image: Image.Image) -> np.ndarray:
    """(H, W) or (H, W, C) uint8, copied in bands: `np.asarray` holds the picture three times."""
    shape = (image.height, image.width, len(image.getbands()))
    pixels = np.empty(shape if shape[2] > 1 else shape[:2], np.uint8)
    band = max(1, 4_000_000 // image.width)
    for top in range(0, image.height, band):
        rows = image.crop((0, top, image.width, min(top + band, image.height)))
        pixels[top : top + band] = np.asarray(rows)
    return pixels


class _Silence:
    """How many threads decode just now, and the warning filters they found."""

    lock = threading.Lock()
    threads = 0
    filters = warnings.catch_warnings()


@contextmanager
def _quiet() -> Iterator[None]:
    """No warnings in here. `catch_warnings` alone mixes up the filters of threads that overlap."""
    with _Silence.lock:
        if not _Silence.threads:
            _Silence.filters = warnings.catch_warnings()
            _Silence.filters.__enter__()
            warnings.simplefilter("ignore")
        _Silence.threads += 1
    try:
        yield
    finally:
        with _Silence.lock:
            _Silence.threads -= 1
            if not _Silence.threads:
                _Silence.filters.__exit__(None, None, None)
