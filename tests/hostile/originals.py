"""Real pictures, in every format that Pillow writes and every way that it can write them."""

import io
from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from PIL import Image, ImageCms

MODES = ("RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "I;16", "I", "F", "LAB", "YCbCr")
UNWANTED = {"PDF", "PALM"}
"""Slow to write, or plain copies of others."""
TIFF = ("packbits", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "group3", "group4")


def photo(width: int = 48, height: int = 40) -> Image.Image:
    """A smooth picture with a hard edge."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 255, width)
    pixels[..., 1] = np.linspace(0, 255, height)[:, None]
    pixels[..., 2] = np.where(np.arange(width) < width // 2, 30, 220)
    return Image.fromarray(pixels)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def exif(orientation: int = 6) -> bytes:
    tags = Image.Exif()
    tags[0x0112], tags[0x010F], tags[0x9286] = orientation, "maker", "a comment"
    return tags.tobytes()


def profile() -> bytes:
    """Without the date on which it was made."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return made[:24] + bytes(12) + made[36:]


@cache
def originals() -> dict[str, bytes]:
    """By name; the ones that the worker takes come first."""
    Image.init()
    return dict([*_taken(), *_every_kind()])


def _taken() -> Iterator[tuple[str, bytes]]:
    image = photo()
    clear = image.convert("RGBA")
    clear.putalpha(image.getchannel(0))
    known = {"exif": exif(), "icc_profile": profile()}
    yield "jpeg-plain", saved(image, "JPEG", **known)
    yield "jpeg-progressive", saved(image, "JPEG", progressive=True, subsampling=0)
    yield "jpeg-restarts", saved(image, "JPEG", restart_marker_blocks=1, comment=b"words")
    yield "jpeg-cmyk", saved(image.convert("CMYK"), "JPEG", icc_profile=profile())
    yield "png-plain", saved(image, "PNG", **known)
    yield "png-palette", saved(image.convert("P"), "PNG", transparency=b"\0\x80", bits=4)
    yield "png-clear", saved(clear, "PNG")
    yield "webp-plain", saved(image, "WEBP", **known)
    yield "webp-lossless", saved(clear, "WEBP", lossless=True)
    yield "avif-plain", saved(clear, "AVIF", **known)
    yield "mpo", saved(image, "MPO", save_all=True, append_images=_frames())
    for kind in ("PNG", "WEBP", "GIF", "AVIF", "TIFF"):
        yield f"{kind.lower()}-frames", saved(photo(), kind, save_all=True, append_images=_frames())
    for compression in TIFF:
        plain = image.convert("1") if compression.startswith("group") else image
        yield f"tiff-{compression}", saved(plain, "TIFF", compression=compression)
    yield "tiff-big", saved(image, "TIFF", big_tiff=True, **known)


def _frames() -> list[Image.Image]:
    """Fresh ones each time: saving leaves its options in an image."""
    return [photo().rotate(turn) for turn in (90, 180)]


def _every_kind() -> Iterator[tuple[str, bytes]]:
    """Whatever Pillow writes, also of the formats that are refused."""
    for kind, mode in product(sorted(Image.SAVE), MODES):
        if kind in UNWANTED:
            continue
        try:
            data = saved(_in_mode(mode), kind)
        except Exception:  # noqa: S112 - not every format has every mode
            continue
        if data:
            yield f"{kind.lower()}-{mode}", data


def _in_mode(mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(np.arange(1920, dtype=np.uint16).reshape(40, 48) * 34)
    if mode == "LAB":
        return Image.merge("LAB", photo().split())
    return photo().convert(mode)
