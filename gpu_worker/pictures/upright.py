"""Orientation: which way is up."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from gpu_worker.pictures.picture import Picture

TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a[::-1].swapaxes(0, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a[:, ::-1].swapaxes(0, 1),
}
"""What makes a picture upright, by its EXIF orientation."""


def turn_of(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(0x0112, 1))
    except Exception:  # Damaged EXIF says nothing about which way is up.
        return 1


def turned(picture: Picture, turn: int) -> Picture:
    if turn not in TURNS:
        return picture
    alpha = None if picture.alpha is None else np.ascontiguousarray(TURNS[turn](picture.alpha))
    return Picture(np.ascontiguousarray(TURNS[turn](picture.rgb)), alpha)
