"""Pillow's modes: alpha, and colours of 8 bits, from all that there are."""

from typing import Any

import numpy as np
from PIL import Image, TiffImagePlugin


def alpha_of(image: Image.Image) -> Image.Image | None:
    """The alpha channel (mode L), or None where every pixel is opaque."""
    if image.mode.startswith("I;16") or not image.has_transparency_data:
        return None
    alpha = image.convert("RGBA").getchannel("A")
    return None if alpha.getextrema() == (255, 255) else alpha


def without_alpha(image: Image.Image) -> Image.Image:
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
