"""Looks: a style as the scales and shifts of every styled layer."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gpu_worker.models.paint.norm import Affine


class NamedLooks(nn.Module):
    """A table with a row for each style; a blend of styles is a blend of rows."""

    def __init__(self, rows: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.widths = list(widths)
        total = sum(widths)
        self.scale = nn.Parameter(torch.empty(rows, total), requires_grad=False)
        self.shift = nn.Parameter(torch.empty(rows, total), requires_grad=False)

    def forward(self, weights: Tensor) -> list[Affine]:  # (N, rows)
        return _layers(_blend(weights, self.scale), _blend(weights, self.shift), self.widths)


class PredictedLooks(nn.Module):
    """Scales and shifts as linear functions of the hundred numbers of a style (Ghiasi et al.)."""

    def __init__(self, numbers: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.widths = list(widths)
        self.scale = nn.Linear(numbers, sum(widths))
        self.shift = nn.Linear(numbers, sum(widths))

    def forward(self, style: Tensor) -> list[Affine]:  # (N, numbers)
        # A row at a time: the rounding of a matrix product depends on how many rows it has.
        scale, shift = (
            torch.cat([linear(row) for row in torch.split(style, 1)])
            for linear in (self.scale, self.shift)
        )
        return _layers(scale, shift, self.widths)


def _blend(weights: Tensor, rows: Tensor) -> Tensor:  # (N, rows), (rows, C) → (N, C)
    # A sum, not a matrix product: its rounding would depend on how many samples share the batch.
    return (weights[:, :, None] * rows[None]).sum(1)


def _layers(scale: Tensor, shift: Tensor, widths: list[int]) -> list[Affine]:
    pairs = zip(torch.split(scale, widths, 1), torch.split(shift, widths, 1), strict=True)
    return [Affine(*pair) for pair in pairs]
