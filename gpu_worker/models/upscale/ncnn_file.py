"""ncnn's model files: what the layers are (`.param`, text) and their numbers (`.bin`).

https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

MAGIC = "7767517"
HALF = 0x01306B47
"""The tag before weights that are stored as float16."""


@dataclass(frozen=True)
class Layer:
    """One line of a `.param`: its kind, its name, and its numbered settings."""

    kind: str
    name: str
    settings: dict[int, str]

    def number(self, key: int) -> int:
        return int(self.settings[key])


def layers(param: str) -> list[Layer]:
    """The layers of a `.param`, in order."""
    lines = param.strip().splitlines()
    if lines[:1] != [MAGIC]:
        raise ValueError("this is not an ncnn param file")
    return [_layer(line.split()) for line in lines[2:]]


def _layer(words: list[str]) -> Layer:
    kind, name, inputs, outputs = words[:4]
    rest = words[4 + int(inputs) + int(outputs) :]
    return Layer(kind, name, {int(k): v for k, v in (word.split("=") for word in rest)})


class Numbers:
    """A `.bin`, read from its start to its end."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def plain(self, count: int) -> np.ndarray:
        """(count,) float32"""
        return self._take(count, np.dtype("<f4"))

    def tagged(self, count: int) -> np.ndarray:
        """(count,) float16 or float32, as the tag before it says."""
        tag = int(self._take(1, np.dtype("<u4"))[0])
        if tag not in (0, HALF):
            raise ValueError(f"weights stored in a way that is not read here: {tag:#x}")
        values = self._take(count, np.dtype("<f2" if tag else "<f4"))
        self.at += -self.at % 4
        return values

    def end(self) -> None:
        """Raise where numbers are left over: then the layers were misread."""
        if self.at != len(self.data):
            raise ValueError(f"{len(self.data) - self.at} bytes are left over")

    def _take(self, count: int, kind: np.dtype) -> np.ndarray:
        values = np.frombuffer(self.data, kind, count, self.at)
        self.at += values.nbytes
        return values


def tensors(param: str, data: bytes) -> Iterator[tuple[str, np.ndarray]]:
    """Name and values of each tensor, the layers that hold any numbered as in `nn.Sequential`."""
    numbers, index = Numbers(data), 0
    for layer in layers(param):
        if layer.kind == "Convolution":
            outputs, size, count = layer.number(0), layer.number(1), layer.number(6)
            shape = (outputs, count // (outputs * size**2), size, size)
            yield f"body.{index}.weight", numbers.tagged(count).reshape(shape)
            yield f"body.{index}.bias", numbers.plain(outputs)
        elif layer.kind == "PReLU":
            yield f"body.{index}.weight", numbers.plain(layer.number(0))
        else:
            continue
        index += 1
    numbers.end()
