"""The network that paints: contract, five or six residual blocks, expand."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from gpu_worker.model import Step
from gpu_worker.models.paint.convolution import ReflectConv, UpConv
from gpu_worker.models.paint.norm import Affine, Moments, restyle_

WHOLE = 2**25
"""Up to that many values a picture the first layer is computed in one piece (128 MiB)."""
BAND = 2**22
"""How many values a band of it has otherwise."""


class Transformer(nn.Module):
    """A picture and a look in, a painting out.

    `styled_contract` tells the two networks apart: the one of the named styles normalises its
    first three layers too, the one for any style has biases there.
    """

    def __init__(self, widths: Sequence[int], residuals: int, styled_contract: bool) -> None:
        super().__init__()
        first, second, deep, up, full = widths
        self.contract = Contract(first, second, deep, styled_contract)
        self.residuals = nn.ModuleList(Residual(deep) for _ in range(residuals))
        self.expand = nn.ModuleList([UpConv(deep, up), UpConv(up, full)])
        self.last = ReflectConv(full, 3, 9)
        contract = [first, second, deep] if styled_contract else []
        self.styled = [*contract, *[deep] * (2 * residuals), up, full, 3]
        """The widths of the layers that take a style, in order."""

    def forward(self, photo: Tensor, look: Sequence[Affine], step: Step) -> Tensor:
        """(N, 3, H, W) in 0..1, sides multiples of four, to the same."""
        layers = iter(look)
        blocks = len(self.residuals)
        x: Tensor = self.contract(photo, layers, step)
        for done, block in enumerate(self.residuals):
            x = block(x, next(layers), next(layers))
            step(0.4 + 0.3 * (done + 1) / blocks)
        for done, layer in enumerate(self.expand):
            x = restyle_(layer(x), next(layers)).relu_()
            step(0.8 + 0.1 * done)
        return restyle_(self.last(x), next(layers)).sigmoid_()


class Contract(nn.Module):
    """Three layers down to a quarter of the sides; the first one is the widest by far."""

    def __init__(self, first: int, second: int, deep: int, styled: bool) -> None:
        super().__init__()
        self.first = ReflectConv(3, first, 9, bias=not styled)
        self.second = ReflectConv(first, second, 3, stride=2, bias=not styled)
        self.third = ReflectConv(second, deep, 3, stride=2, bias=not styled)
        self.styled = styled

    def forward(self, photo: Tensor, look: Iterator[Affine], step: Step) -> Tensor:
        x = self._halved(photo, next(look) if self.styled else None, step)
        x = self._settled(x, look)
        step(0.35)
        x = self._settled(self.third(x), look)
        step(0.4)
        return x

    def _settled(self, x: Tensor, look: Iterator[Affine]) -> Tensor:
        return (restyle_(x, next(look)) if self.styled else x).relu_()

    def _halved(self, photo: Tensor, style: Affine | None, step: Step) -> Tensor:
        """(N, 3, H, W) → (N, second, H/2, W/2), the first layer in bands where it is large."""
        bands = self._bands(photo)
        if len(bands) == 1:
            x = self.first(photo)
            x = (restyle_(x, style) if style else x).relu_()
            halved: Tensor = self.second(x)
            return halved
        moments = self._moments(photo, bands, step) if style else None
        halves: list[Tensor] = []
        for done, (start, stop) in enumerate(bands):
            x = self.first.rows(photo, max(start - 1, 0), stop)
            x = (moments.normalise_(x, style) if moments and style else x).relu_()
            halves.append(self._second(x, top=start == 0))
            step(0.15 + 0.15 * (done + 1) / len(bands))
        return torch.cat(halves, dim=2)

    def _moments(self, photo: Tensor, bands: list[tuple[int, int]], step: Step) -> Moments:
        """A first pass: the statistics must be those of the whole picture."""
        moments = Moments()
        for done, (start, stop) in enumerate(bands):
            moments.add(self.first.rows(photo, start, stop))
            step(0.15 * (done + 1) / len(bands))
        return moments

    def _second(self, x: Tensor, top: bool) -> Tensor:
        """The second layer on rows that begin one above the band, or at the top."""
        x = functional.pad(x, (1, 1, 1 if top else 0, 0), mode="reflect")
        return functional.conv2d(x, self.second.weight, self.second.bias, stride=2)

    def _bands(self, photo: Tensor) -> list[tuple[int, int]]:
        """Whatever else is in the batch: the bands decide how sums are rounded."""
        _, _, height, width = photo.shape
        row = width * self.first.weight.shape[0]
        rows = height if row * height <= WHOLE else max(4, BAND // row // 4 * 4)
        return [(start, min(start + rows, height)) for start in range(0, height, rows)]


class Residual(nn.Module):
    """Two styled layers whose result is added to what came in."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = ReflectConv(width, width, 3)
        self.second = ReflectConv(width, width, 3)

    def forward(self, x: Tensor, first: Affine, second: Affine) -> Tensor:  # (N, C, H, W)
        y = restyle_(self.first(x), first).relu_()
        return restyle_(self.second(y), second).add_(x)
