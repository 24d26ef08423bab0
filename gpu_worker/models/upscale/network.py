"""The network: SRVGGNetCompact, as Real-ESRGAN trained it for drawn film (`realesr-animevideov3`).

Wang et al., "Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data",
ICCVW 2021; https://github.com/xinntao/Real-ESRGAN, `realesrgan/archs/srvgg_arch.py`.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

FACTOR = 4
"""What the network enlarges by; smaller scales are made from that by a bicubic step."""
LAYERS = 18


class Network(nn.Module):
    """Convolutions at the size of the source; its residual is added to the enlarged source."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1), nn.PReLU(width)]
        for _ in range(LAYERS - 2):
            layers += [nn.Conv2d(width, width, 3, padding=1), nn.PReLU(width)]
        self.body = nn.Sequential(*layers, nn.Conv2d(width, 3 * FACTOR**2, 3, padding=1))

    def forward(self, source: Tensor, scale: int) -> Tensor:
        """(N, 3, H, W) float32 in 0..1 → (N, 3, H * scale, W * scale) float32, about 0..1.

        The convolutions may run in fewer bits; the source that their residual is added to does not.
        """
        kind = next(self.parameters()).dtype
        features = source.to(kind).contiguous(memory_format=torch.channels_last)
        residual = functional.pixel_shuffle(self.body(features).float(), FACTOR)
        large = residual + functional.interpolate(
            source, scale_factor=float(FACTOR), mode="nearest"
        )
        if scale == FACTOR:
            return large
        size = (source.shape[2] * scale, source.shape[3] * scale)
        return functional.interpolate(large, size, mode="bicubic", align_corners=False)


def read(weights: Path, kind: torch.dtype = torch.float32) -> Network:
    """The trained network on the CPU, its numbers of that kind, channels last."""
    with torch.device("meta"):
        network = Network()
    tensors = {name: _laid_out(tensor.to(kind)) for name, tensor in load_file(weights).items()}
    network.load_state_dict(tensors, assign=True)
    return network.eval().requires_grad_(requires_grad=False)


def _laid_out(tensor: Tensor) -> Tensor:
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor
