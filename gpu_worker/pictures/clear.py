"""The clear parts of a picture: they hide colours that must not leak into what is seen."""

import numpy as np
from PIL import Image

from gpu_worker.pictures.picture import Picture

SEEN = 32
"""From this alpha on a pixel's own colour counts in full."""


def filled(picture: Picture) -> Picture:
    """The picture with the colours of what is seen continued beneath what is not.

    Push and pull (Gortler et al., "The Lumigraph", 1996): each level of a pyramid, weighted by
    alpha, fills the gaps of the next finer one.
    """
    if picture.alpha is None:
        return picture
    image = Image.fromarray(np.dstack([picture.rgb, picture.alpha]))
    return Picture(np.array(_ground(image)), picture.alpha)


def _ground(image: Image.Image) -> Image.Image:
    """RGB for RGBA: where alpha is low, the colours of the next coarser level."""
    colours = image.convert("RGB")
    if max(image.size) == 1:
        return colours
    coarser = image.convert("RGBa").reduce(2).convert("RGBA")
    ground = _ground(coarser).resize(image.size, Image.Resampling.BILINEAR)
    mask = image.getchannel("A").point([min(255, alpha * 256 // SEEN) for alpha in range(256)])
    ground.paste(colours, mask=mask)
    return ground
