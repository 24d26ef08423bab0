"""The models of the benchmarks, as a user's module named in `ATELIER_MODELS`.

`gan` is the DCGAN that the peers run too, `null` a grey picture that takes no time, `slow` one that
keeps a device busy without the CPU's help. The PNGs are Pillow's, as everybody else's are in these
comparisons; thumbnails and manifests are work that only we do.
"""

import time
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from gpu_worker.model import Encoded, Inputs, Sample, Step
from gpu_worker.pictures import Picture, thumbnail
from tests.bench.dcgan import BATCH, PNG_LEVEL, Generator, png
from tests.own_models import about

GREY = np.full((64, 64, 3), 127, np.uint8)
SLOW_SECONDS = 0.05
"""For a batch."""


class NoInput(BaseModel):
    model_config = ConfigDict(extra="forbid")


class PngParams(BaseModel):
    model_config = ConfigDict(extra="forbid")

    level: int = Field(PNG_LEVEL, ge=0, le=9)


class Gan:
    """Pictures of 128² from their seeds."""

    about: ClassVar = about("gan", limits={"batch": BATCH})
    Input: ClassVar[type[BaseModel]] = NoInput
    Params: ClassVar[type[BaseModel]] = PngParams
    weights: ClassVar[Sequence[Path]] = ()

    def __init__(self) -> None:
        self._generator: Generator | None = None

    def load(self, device: str) -> None:
        self._generator = Generator(device)

    def unload(self) -> None:
        self._generator = None

    def prepare(self, inputs: Inputs, params: PngParams) -> None:
        pass

    def shape(self, prepared: None, params: PngParams) -> Hashable:
        return None

    def generate(self, batch: Sequence[Sample], step: Step) -> Sequence[np.ndarray]:
        assert self._generator
        return list(self._generator.forward([sample.seed for sample in batch]))

    def encode(self, artwork: np.ndarray, params: PngParams) -> Encoded:
        height, width = artwork.shape[:2]
        small = thumbnail(Picture(artwork, None))
        return Encoded(png(artwork, params.level), "image/png", small, width, height)


class Null(Gan):
    """Grey, 64²."""

    torch: ClassVar = False
    about: ClassVar = about("null", limits={"batch": BATCH})

    def load(self, device: str) -> None:
        pass

    def generate(self, batch: Sequence[Sample], step: Step) -> Sequence[np.ndarray]:
        return [GREY] * len(batch)


class Slow(Null):
    """Grey as well, from a device that takes its time."""

    about: ClassVar = about("slow", limits={"batch": BATCH})

    def generate(self, batch: Sequence[Sample], step: Step) -> Sequence[np.ndarray]:
        time.sleep(SLOW_SECONDS)
        return super().generate(batch, step)


MODELS = [Gan, Null, Slow]
