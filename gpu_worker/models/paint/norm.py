"""Conditional instance normalisation: where a style enters the network.

Every channel is brought to mean 0 and variance 1 over the picture, then scaled and shifted by two
numbers that belong to the style (Dumoulin et al. 2017).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

EPSILON = 1e-5
_BAND = 16  # rows whose squares stay in the cache


@dataclass(frozen=True)
class Affine:
    """A layer's two numbers for each channel."""

    scale: Tensor  # (N, C)
    shift: Tensor  # (N, C)


class Moments:
    """Mean and variance of channels, gathered from bands of rows."""

    def __init__(self) -> None:
        self.pixels = 0
        self.sum: Tensor | float = 0.0
        self.squares: Tensor | float = 0.0

    def add(self, x: Tensor) -> "Moments":  # (N, C, rows, W)
        scratch = torch.empty_like(x[:, :, :_BAND])
        for band in torch.split(x, _BAND, dim=2):
            squares = torch.mul(band, band, out=scratch[:, :, : band.shape[2]])
            self.squares = self.squares + squares.sum((2, 3)).double()
        self.sum = self.sum + x.sum((2, 3)).double()
        self.pixels += x.shape[2] * x.shape[3]
        return self

    def normalise_(self, x: Tensor, affine: Affine) -> Tensor:  # (N, C, rows, W)
        """In place: memory at full resolution is what limits the size of a painting."""
        mean = torch.as_tensor(self.sum / self.pixels)
        variance = (self.squares / self.pixels - mean.square()).clamp_min(0)
        scale = affine.scale / (variance + EPSILON).sqrt()
        shift = affine.shift - mean * scale
        return x.mul_(_spread(scale, x)).add_(_spread(shift, x))


def restyle_(x: Tensor, affine: Affine) -> Tensor:
    """Conditional instance normalisation of whole pictures, in place."""
    return Moments().add(x).normalise_(x, affine)


def _spread(values: Tensor, x: Tensor) -> Tensor:
    return values.to(x.dtype)[:, :, None, None]
