"""A device that is busy without the processor's help, as a user's model.

It sleeps so many milliseconds for each picture of 512², one after the other, and writes down when:
a line for each batch in the file that `SLEEPER_JOURNAL` names.
"""

import os
import time
from collections.abc import Hashable, Sequence
from functools import cache
from pathlib import Path
from typing import ClassVar, TextIO

from pydantic import BaseModel, ConfigDict, Field

from gpu_worker.decoding import decode
from gpu_worker.model import Encoded, Inputs, Sample, Step
from gpu_worker.pictures import Picture, encode_png, thumbnail
from shared.contract import ImageSource
from tests.own_models import about

JOURNAL = "SLEEPER_JOURNAL"
SIDE = 512


class SleeperInput(BaseModel):
    model_config = ConfigDict(extra="forbid")

    image: ImageSource


class SleeperParams(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ms: float = Field(30.0, ge=0, description="Of the device, for each picture.")


class Sleeper:
    """The picture that it is given, in another colour."""

    about: ClassVar = about("sleeper", limits={"batch": 1})
    Input: ClassVar[type[BaseModel]] = SleeperInput
    Params: ClassVar[type[BaseModel]] = SleeperParams
    weights: ClassVar[Sequence[Path]] = ()
    torch: ClassVar = False

    def load(self, device: str) -> None:
        pass

    def unload(self) -> None:
        pass

    def prepare(self, inputs: Inputs, params: SleeperParams) -> Picture:
        data = inputs["image"]
        assert isinstance(data, bytes)
        return decode(data).scaled(SIDE, SIDE)

    def shape(self, prepared: Picture, params: SleeperParams) -> Hashable:
        return None

    def generate(self, batch: Sequence[Sample], step: Step) -> Sequence[Sample]:
        begun = time.monotonic()
        for done, sample in enumerate(batch):
            step(done / len(batch))
            time.sleep(sample.params.ms / 1000)
        slept = sum(sample.params.ms for sample in batch) / 1000
        journal().write(f"{begun} {time.monotonic()} {slept} {time.process_time()}\n")
        return batch

    def encode(self, artwork: Sample, params: SleeperParams) -> Encoded:
        made = Picture(artwork.prepared.rgb ^ (artwork.seed & 0xFF), None)
        return Encoded(encode_png(made), "image/png", thumbnail(made), SIDE, SIDE)


@cache
def journal() -> TextIO:
    """A line for each batch: when it began and ended, its time on the device, the process's CPU."""
    return Path(os.environ[JOURNAL]).open("a", buffering=1)


MODELS = [Sleeper]
