"""A picture in memory."""

from dataclasses import dataclass

import numpy as np
from PIL import Image


@dataclass(frozen=True, eq=False)
class Picture:
    """An upright sRGB picture."""

    rgb: np.ndarray
    """(H, W, 3) uint8"""
    alpha: np.ndarray | None = None
    """(H, W) uint8, not premultiplied; None where all is opaque."""

    @classmethod
    def of(cls, image: Image.Image) -> "Picture":
        """From Pillow's form, mode RGB or RGBA."""
        pixels = pixels_of(image)
        if image.mode == "RGB":
            return cls(pixels)
        return cls(np.ascontiguousarray(pixels[..., :3]), pixels[..., 3].copy())

    @property
    def image(self) -> Image.Image:
        """In Pillow's form."""
        image = Image.fromarray(np.ascontiguousarray(self.rgb))
        if self.alpha is not None:
            image.putalpha(Image.fromarray(self.alpha))
        return image

    @property
    def width(self) -> int:
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        return int(self.rgb.shape[0])

    def resized(self, long_side: int) -> "Picture":
        """The same picture with its longer side at that length, smaller or larger."""
        return self.scaled(*fitted(self.width, self.height, long_side))

    def scaled(self, width: int, height: int) -> "Picture":
        """The same picture at exactly that size (Lanczos; colours weighted by their alpha)."""
        if (width, height) == (self.width, self.height):
            return self
        return Picture.of(shrunk(self.image, (width, height), gap=3.0))

    def over(self, colour: tuple[int, int, int] = (255, 255, 255)) -> np.ndarray:
        """The picture laid on a ground of one colour: (H, W, 3) uint8."""
        if self.alpha is None:
            return self.rgb
        ground = Image.new("RGB", (self.width, self.height), colour)
        ground.paste(Image.fromarray(self.rgb), mask=Image.fromarray(self.alpha))
        return pixels_of(ground)


def fitted(width: int, height: int, long_side: int) -> tuple[int, int]:
    """Width and height of the same shape, the longer one at that length."""
    scale = long_side / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def shrunk(image: Image.Image, size: tuple[int, int], gap: float) -> Image.Image:
    """At that size (Lanczos), smaller or larger; colours weighted by their alpha.

    A mean of whole pixels does the first part of it, up to `gap` times the size asked for.
    """
    if image.mode != "RGBA":
        return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=gap)
    weighted = image.convert("RGBa")  # Pillow would do that as well, and forget the gap
    return weighted.resize(size, Image.Resampling.LANCZOS, reducing_gap=gap).convert("RGBA")


def pixels_of(image: Image.Image) -> np.ndarray:
    """(H, W) or (H, W, C) uint8, copied in bands: `np.asarray` holds the picture three times."""
    shape = (image.height, image.width, len(image.getbands()))
    pixels = np.empty(shape if shape[2] > 1 else shape[:2], np.uint8)
    band = max(1, 4_000_000 // image.width)
    for top in range(0, image.height, band):
        rows = image.crop((0, top, image.width, min(top + band, image.height)))
        pixels[top : top + band] = np.asarray(rows)
    return pixels
