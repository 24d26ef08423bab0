"""The two networks, as they lie in their weights files."""

from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor, nn

from gpu_worker.model import Step
from gpu_worker.models.paint.look import NamedLooks, PredictedLooks
from gpu_worker.models.paint.norm import Affine
from gpu_worker.models.paint.predictor import NUMBERS, StylePredictor
from gpu_worker.models.paint.styles import ROWS
from gpu_worker.models.paint.transformer import Transformer

SCALE = ".step"
"""Ends the name of what the 8-bit weights of that name are to be multiplied with, by channel."""


class NamedStyles(nn.Module):
    """26 styles and their blends (Dumoulin et al. 2017)."""

    def __init__(self) -> None:
        super().__init__()
        self.transformer = Transformer((32, 32, 32, 8, 4), residuals=6, styled_contract=True)
        self.looks = NamedLooks(ROWS, self.transformer.styled)

    def forward(self, photo: Tensor, weights: Tensor, step: Step) -> Tensor:
        """(N, 3, H, W), (N, 26) → (N, 3, H, W)"""
        return _painted(self.transformer, photo, self.looks(weights), step)


class AnyStyle(nn.Module):
    """The style of any picture (Ghiasi et al. 2017)."""

    def __init__(self) -> None:
        super().__init__()
        self.predictor = StylePredictor()
        self.transformer = Transformer((8, 16, 32, 16, 8), residuals=5, styled_contract=False)
        self.looks = PredictedLooks(NUMBERS, self.transformer.styled)

    def forward(self, photo: Tensor, style: Tensor, step: Step) -> Tensor:
        """(N, 3, H, W), (N, 100) → (N, 3, H, W)"""
        return _painted(self.transformer, photo, self.looks(style), step)


def load(network: nn.Module, path: Path, device: str) -> None:
    """Fill a network with the weights of a file, in single precision and ready to paint."""
    stored = load_file(path)
    network.load_state_dict(
        {
            name: _dequantised(tensor, stored[name + SCALE]) if name + SCALE in stored else tensor
            for name, tensor in stored.items()
            if not name.endswith(SCALE)
        }
    )
    network.eval().to(device)


def _dequantised(steps: Tensor, scale: Tensor) -> Tensor:  # (C, ...) int8, (C,)
    return steps.float() * scale.view(-1, *[1] * (steps.dim() - 1))


def _painted(net: Transformer, photo: Tensor, look: Sequence[Affine], step: Step) -> Tensor:
    painting: Tensor = net(photo, look, step)
    return painting
