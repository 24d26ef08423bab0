"""Convolutions that reflect at the border, and that can be done a band of rows at a time."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class ReflectConv(nn.Module):
    """A convolution whose border mirrors the picture."""

    def __init__(
        self, inputs: int, outputs: int, side: int, stride: int = 1, bias: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs, side, side), requires_grad=False)
        self.bias = nn.Parameter(torch.empty(outputs), requires_grad=False) if bias else None
        self.margin = side // 2
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:  # (N, inputs, H, W) → (N, outputs, H/s, W/s)
        m = self.margin
        return self._convolve(functional.pad(x, (m, m, m, m), mode="reflect"))

    def rows(self, x: Tensor, start: int, stop: int) -> Tensor:
        """Rows `start` to `stop` of what `forward` returns, without computing the others."""
        first = start * self.stride - self.margin
        last = (stop - 1) * self.stride + self.margin
        taken = _reflected(torch.arange(first, last + 1, device=x.device), x.shape[2])
        band = x.index_select(2, taken)  # (N, inputs, rows, W)
        return self._convolve(
            functional.pad(band, (self.margin, self.margin, 0, 0), mode="reflect")
        )

    def _convolve(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight, self.bias, self.stride)


class UpConv(nn.Module):
    """Nearest-neighbour doubling and a 3×3 convolution in one, at the lower resolution.

    Each of the four pixels that one pixel becomes has a 3×3 kernel of its own (see `folded`), so
    the doubled picture is never stored. Repeating the edge here is reflecting it there.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(4 * outputs, inputs, 3, 3), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:  # (N, inputs, H, W) → (N, outputs, 2H, 2W)
        quarters = functional.conv2d(functional.pad(x, (1, 1, 1, 1), mode="replicate"), self.weight)
        return functional.pixel_shuffle(quarters, 2).contiguous(memory_format=torch.channels_last)


def folded(weight: Tensor) -> Tensor:
    """Kernels for `UpConv`: (outputs, inputs, 3, 3) → (4 × outputs, inputs, 3, 3)."""
    # Row by parity of the doubled pixel, tap of its kernel → row of the low-resolution kernel.
    lands = torch.zeros(2, 3, 3)
    lands[0, [0, 1, 2], [0, 1, 1]] = 1
    lands[1, [0, 1, 2], [1, 1, 2]] = 1
    four = torch.einsum("oiyx,ayY,bxX->oabiYX", weight, lands, lands)
    return four.flatten(0, 2)


def _reflected(rows: Tensor, height: int) -> Tensor:
    inside = rows.abs()
    return torch.where(inside < height, inside, 2 * (height - 1) - inside)
