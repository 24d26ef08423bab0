"""The reader: a picture from bytes."""

import io

from PIL import Image

from gpu_worker.pictures.colour import to_srgb
from gpu_worker.pictures.kinds import FORMATS, refusal
from gpu_worker.pictures.modes import alpha_of, without_alpha
from gpu_worker.pictures.picture import Picture, fitted, pixels_of, shrunk
from gpu_worker.pictures.quiet import quiet
from gpu_worker.pictures.upright import turn_of, turned
from shared.errors import InputError

MAX_PIXELS = 64_000_000
MIN_SIDE = 8
"""Below this many pixels in either direction there is nothing to see."""
SPARE = 1.5
"""A JPEG is decoded at no less than so many times the size asked for: Lanczos does the rest better
than the DCT would."""


def decode(data: bytes, max_pixels: int = MAX_PIXELS, long_side: int | None = None) -> Picture:
    """The picture in these bytes: its first frame, upright, in sRGB.

    With `long_side` it comes no larger than that (never enlarged), and a JPEG is not even decoded
    at its full size. Raises `InputError` for whatever is not a picture that we take.
    """
    if not data:
        raise InputError("the file is empty", code="image_empty")
    try:
        with quiet():
            return _decode(data, max_pixels, long_side)
    except (InputError, MemoryError):
        raise
    except Image.DecompressionBombError:
        raise InputError("the picture has too many pixels", code="image_too_large") from None
    except Exception as broken:  # Pillow's plugins raise what they like.
        raise refusal(data, broken) from None


def _decode(data: bytes, max_pixels: int, long_side: int | None) -> Picture:
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        _check_size(image, max_pixels)
        if long_side:
            scale = SPARE * long_side / max(image.size)
            image.draft(None, (int(image.width * scale) + 1, int(image.height * scale) + 1))
        image.load()
        _check_largest(image, max_pixels)  # the header may have told another size
        turn = turn_of(image)
        alpha = alpha_of(image)
        colour = to_srgb(without_alpha(image), image.info.get("icc_profile"))
    if long_side and max(colour.size) > long_side:
        picture = _small(colour, alpha, long_side)
    else:
        picture = Picture(pixels_of(colour), None if alpha is None else pixels_of(alpha))
    return turned(picture, turn)


def _small(colour: Image.Image, alpha: Image.Image | None, long_side: int) -> Picture:
    if alpha is not None:
        colour.putalpha(alpha)
    return Picture.of(shrunk(colour, fitted(*colour.size, long_side), gap=3.0))


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
