"""What is painted on: a photograph at its working size, on sides that the networks take."""

from dataclasses import dataclass

import numpy as np

from gpu_worker.pictures import Picture

STEP = 4
LEAST = 16  # Mirrored borders need a few pixels to mirror.


@dataclass(frozen=True, eq=False)
class Canvas:
    """A job's photograph, and the picture that lends its style."""

    photo: Picture
    style: np.ndarray | None = None  # (256, 256, 3) uint8

    def shape(self, margin: int) -> tuple[int, int]:
        """Height and width that the networks take."""
        return _side(self.photo.height + 2 * margin), _side(self.photo.width + 2 * margin)

    def framed(self, margin: int) -> np.ndarray:  # (H', W', 3) uint8
        """The photograph mirrored beyond its edges, up to `shape`.

        The networks know an edge when they see one; behind a margin their strokes run through.
        """
        height, width = self.shape(margin)
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
