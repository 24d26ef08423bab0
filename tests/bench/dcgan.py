"""The work that every side of a benchmark does: a DCGAN, 128 numbers to a picture of 128², and PNG.

It knows nothing of this project, so that the peers run the very same code in environments of their
own.
"""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

LATENT, CHANNELS = 128, 512
PNG_LEVEL = 6
BATCH = 8


class Generator:
    """Random weights, always the same: only the time counts."""

    def __init__(self, device: str = "cpu") -> None:
        import torch

        self._torch, self._device = torch, device
        torch.manual_seed(0)
        self._net: Any = _network().eval().to(device)

    def forward(self, seeds: Sequence[int]) -> np.ndarray:
        """One picture for each seed, N x 128 x 128 x 3 bytes."""
        torch = self._torch
        latent = torch.stack([self._noise(seed) for seed in seeds])
        with torch.inference_mode():
            made = self._net(latent.to(self._device))
            made = made.mul(127.5).add_(127.5).clamp_(0, 255).to(torch.uint8)
            pixels: np.ndarray = made.permute(0, 2, 3, 1).contiguous().cpu().numpy()
        return pixels

    def pictures(self, seeds: Sequence[int]) -> list[bytes]:
        """The pictures as files."""
        return [png(pixels) for pixels in self.forward(seeds)]

    def _noise(self, seed: int) -> Any:
        drawn = self._torch.Generator().manual_seed(seed % 2**63)
        return self._torch.randn(LATENT, 1, 1, generator=drawn)


def png(pixels: np.ndarray, level: int = PNG_LEVEL) -> bytes:
    """By Pillow, as anybody would."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=level)
    return file.getvalue()


def _network() -> Any:
    from torch import nn

    c = CHANNELS
    first = nn.ConvTranspose2d(LATENT, c, 4, 1, 0, bias=False)
    layers = [first, nn.BatchNorm2d(c), nn.ReLU(True)]  # 4²
    for _ in range(4):  # 8², 16², 32², 64²
        up = nn.ConvTranspose2d(c, c // 2, 4, 2, 1, bias=False)
        layers += [up, nn.BatchNorm2d(c // 2), nn.ReLU(True)]
        c //= 2
    return nn.Sequential(*layers, nn.ConvTranspose2d(c, 3, 4, 2, 1), nn.Tanh())
