"""What is painted on: a photograph at its working size, on sides that the networks take."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gpu_worker.models.paint import stroke
from gpu_worker.pictures import Picture

STEP = 4
LEAST = 16  # Mirrored borders need a few pixels to mirror.


class Shape(NamedTuple):
    """What canvases have in common that go through a network together."""

    height: int
    width: int
    broader: float
    named: bool
    """The network of the named styles; else that of any style."""


@dataclass(frozen=True, eq=False)
class Canvas:
    """A job's photograph, and the picture that lends its style."""

    photo: Picture
    broader: float = 1.0
    """Strokes, in the networks' own."""
    style: np.ndarray | None = None  # (256, 256, 3) uint8

    @property
    def shape(self) -> Shape:
        """Height and width as the networks take them, and which network does."""
        around = 2 * self.margin
        height, width = _side(self.photo.height + around), _side(self.photo.width + around)
        return Shape(height, width, self.broader, self.style is None)

    @property
    def margin(self) -> int:
        return stroke.margin(self.broader)

    def framed(self) -> np.ndarray:  # (H', W', 3) uint8
        """The photograph mirrored beyond its edges, up to `shape`.

        The networks know an edge when they see one; behind a margin their strokes run through.
        """
        margin, (height, width, *_) = self.margin, self.shape
        below, right = height - margin - self.photo.height, width - margin - self.photo.width
        return np.pad(self.photo.rgb, ((margin, below), (margin, right), (0, 0)), mode="reflect")


def square(picture: Picture, side: int) -> np.ndarray:
    """The middle square of a picture, laid on white: (side, side, 3) uint8."""
    cut = min(picture.width, picture.height)
    top, left = (picture.height - cut) // 2, (picture.width - cut) // 2
    part = np.ascontiguousarray(picture.over()[top : top + cut, left : left + cut])
    return Picture(part).scaled(side, side).rgb


def _side(pixels: int) -> int:
    return max(LEAST, -(-pixels // STEP) * STEP)
