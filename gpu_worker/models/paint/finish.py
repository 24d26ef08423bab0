"""From what the network painted to what was asked for: its colours, and how much of it."""

import torch
from torch import Tensor
from torch.nn import functional

PATCH = 16
"""Pixels: differences wider than this are palette, narrower ones are brushwork."""

_LUMA = (0.299, 0.587, 0.114)


def recoloured(painting: Tensor, photo: Tensor) -> Tensor:  # (1, 3, H, W), the same
    """The painting's light with the photograph's colours.

    Where such a colour is too strong for that light, it is weakened until it fits, which keeps its
    hue; clipping would not.
    """
    light = _light(painting)  # (1, 1, H, W)
    colour = photo - _light(photo)
    room = torch.where(colour > 0, 1.0 - light, light)
    fits = (room / colour.abs().clamp_min(1e-6)).amin(1, keepdim=True).clamp_max(1.0)
    return colour.mul_(fits).add_(light)


def mixed(photo: Tensor, painting: Tensor, strength: float) -> Tensor:  # (1, 3, H, W), the same
    """The photograph at 0, the painting at 1; in between brushwork first, palette later.

    A plain mixture at one half is a washed-out double exposure. Here the fine differences are
    ahead of the wide ones: the photograph's own colours, already in strokes.
    """
    if strength >= 1:
        return painting
    change = painting - photo
    wide = blurred(change)
    ahead = 1.0 - (1.0 - strength) ** 2
    return change.sub_(wide).mul_(ahead).add_(wide.mul_(strength)).add_(photo)


def blurred(picture: Tensor) -> Tensor:  # (N, 3, H, W), the same
    """Without what is finer than a patch."""
    size = picture.shape[2:]
    small = [max(1, round(side / PATCH)) for side in size]
    patches = functional.interpolate(picture, small, mode="area")
    return functional.interpolate(patches, size, mode="bicubic", align_corners=False)


def eight_bits(picture: Tensor) -> Tensor:  # (1, 3, H, W) float → (H, W, 3) uint8
    return picture[0].mul(255).round_().clamp_(0, 255).to(torch.uint8).permute(1, 2, 0)


def _light(picture: Tensor) -> Tensor:  # (1, 3, H, W) → (1, 1, H, W)
    weights = torch.tensor(_LUMA, device=picture.device)
    return (picture * weights.view(1, 3, 1, 1)).sum(1, keepdim=True)
