"""The network on a device: one tile of 8-bit pixels in, a larger one out."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from gpu_worker.models.upscale.network import read

BROAD = 4
"""How far away pixels of the source count for the colour of a place."""


class Engine:
    """Always one tile at a time, so that a picture cannot depend on its company."""

    def __init__(self, weights: Path, device: str, kind: torch.dtype | None = None) -> None:
        self.device = torch.device(device)
        self.network = read(weights, kind or _best(self.device)).to(self.device)

    @torch.inference_mode()
    def colours(self, source: np.ndarray, scale: int, strength: float) -> np.ndarray:
        """(H, W, 3) uint8 → (H * scale, W * scale, 3) uint8

        With a strength below 1 the plainly enlarged source shows through, and its texture with it.
        """
        pixels = torch.from_numpy(np.array(source)).to(self.device)
        values = _unit(pixels.permute(2, 0, 1)[None])
        large = _true(self.network(values, scale), values, scale)
        if strength < 1:
            size = (source.shape[0] * scale, source.shape[1] * scale)
            plain = functional.interpolate(values, size, mode="bicubic", align_corners=False)
            large = plain.clamp(0, 1).lerp(large, strength)
        return _bytes(large)[0].permute(1, 2, 0).numpy()

    @torch.inference_mode()
    def alpha(self, source: np.ndarray, scale: int) -> np.ndarray:
        """(H, W) uint8 → (H * scale, W * scale) uint8, as the network draws a grey picture.

        What is clear or opaque all around stays so exactly: each value is kept within those of the
        nine sources about it.
        """
        height, width = source.shape
        if source.min() == source.max():
            return np.full((height * scale, width * scale), source[0, 0], np.uint8)
        pixels = torch.from_numpy(np.array(source)).to(self.device)
        grey = _unit(pixels[None, None])
        large = self.network(grey.expand(1, 3, height, width), scale).mean(1, keepdim=True)
        least = _spread(-functional.max_pool2d(-grey, 3, 1, 1), scale)
        most = _spread(functional.max_pool2d(grey, 3, 1, 1), scale)
        return _bytes(large.clamp(least, most))[0, 0].numpy()


def _true(large: Tensor, source: Tensor, scale: int) -> Tensor:
    """The same with the source's own colours: the network makes a grey of 128 one of 131.

    What differs over a broad neighbourhood is taken back; edges and lines stay as they were drawn.
    """
    drift = source - functional.avg_pool2d(large.clamp(0, 1), scale)
    broad = functional.avg_pool2d(drift, 2 * BROAD + 1, 1, BROAD, count_include_pad=False)
    size = (large.shape[2], large.shape[3])
    return large + functional.interpolate(broad, size, mode="bilinear", align_corners=False)


def _spread(values: Tensor, scale: int) -> Tensor:
    return functional.interpolate(values, scale_factor=float(scale), mode="nearest")


def _unit(pixels: Tensor) -> Tensor:
    """uint8 → float32 in 0..1"""
    return pixels.float() / 255


def _bytes(values: Tensor) -> Tensor:
    """0..1, or somewhat beyond → uint8, on the CPU"""
    return values.clamp(0, 1).mul(255).round().to(torch.uint8).cpu()


def _best(device: torch.device) -> torch.dtype:
    """The quickest kind of number whose error cannot be seen (measured: `weights/upscale.md`)."""
    if device.type == "cuda":
        return torch.float16
    quick = torch.cpu.get_capabilities()
    if device.type == "cpu" and (quick.get("avx512_bf16") or quick.get("amx_bf16")):
        return torch.bfloat16
    return torch.float32
