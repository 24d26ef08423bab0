"""The network that looks at a style picture: MobileNetV2, then a hundred numbers."""

import torch
from torch import Tensor, nn
from torch.nn import functional

SIDE = 256
NUMBERS = 100

_STAGES = (
    # expansion, width, blocks, stride of the first
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class StylePredictor(nn.Module):
    """A style picture, (N, 3, 256, 256) in 0..1, to its style, (N, 100)."""

    def __init__(self) -> None:
        super().__init__()
        self.first = SameConv(3, 32, 3, stride=2)
        self.blocks = nn.Sequential(*_blocks())
        self.last = SameConv(320, 1280, 1)
        self.head = nn.Linear(1280, NUMBERS)

    def forward(self, picture: Tensor) -> Tensor:
        x = functional.relu6(self.first(picture))
        x = functional.relu6(self.last(self.blocks(x)))  # (N, 1280, 8, 8)
        style: Tensor = self.head(x.mean((2, 3)))
        return style


class SameConv(nn.Module):
    """A convolution that pads as TensorFlow does: with a stride of two, only below and right."""

    def __init__(
        self, inputs: int, outputs: int, side: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__()
        shape = (outputs, inputs // groups, side, side)
        self.weight = nn.Parameter(torch.empty(shape), requires_grad=False)
        self.bias = nn.Parameter(torch.empty(outputs), requires_grad=False)
        self.stride = stride
        self.groups = groups
        before = (side - stride) // 2
        self.pads = (before, side - stride - before) * 2 if side > stride else (0, 0, 0, 0)

    def forward(self, x: Tensor) -> Tensor:
        padded = functional.pad(x, self.pads)
        return functional.conv2d(padded, self.weight, self.bias, self.stride, groups=self.groups)


class Bottleneck(nn.Module):
    """Expand, look around in each channel, project; added to its input where the shapes agree."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expand = SameConv(inputs, inner, 1) if expansion > 1 else None
        self.depthwise = SameConv(inner, inner, 3, stride, groups=inner)
        self.project = SameConv(inner, outputs, 1)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu6(self.expand(x)) if self.expand else x
        y = self.project(functional.relu6(self.depthwise(y)))
        projected: Tensor = y + x if self.shortcut else y
        return projected


def _blocks() -> list[Bottleneck]:
    blocks: list[Bottleneck] = []
    inputs = 32
    for expansion, width, count, stride in _STAGES:
        for index in range(count):
            blocks.append(Bottleneck(inputs, width, expansion, stride if index == 0 else 1))
            inputs = width
    return blocks
