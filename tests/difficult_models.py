"""Models that are hard to stop, as a module named in `ATELIER_MODELS`."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from gpu_worker.model import Inputs, Sample, Step
from gpu_worker.pictures import Picture
from tests.own_models import Plain, about, flat


class StubbornParams(BaseModel):
    model_config = ConfigDict(extra="forbid")

    seconds: float = 0.0
    """Of one artwork."""
    steps: int = 10
    deaf: bool = False
    """It never calls `step`."""
    preparing: float = 0.0
    """Seconds that `prepare` takes."""
    tally: str = ""
    """A file that grows by a byte with each step."""
    hurry: str = ""
    """A file: once it is there, artworks take no time."""


class Stubborn(Plain):
    """Makes one artwork at a time, and listens or not."""

    about: ClassVar = about("stubborn")
    Params: ClassVar[type[BaseModel]] = StubbornParams  # type: ignore[assignment]

    def prepare(self, inputs: Inputs, params: BaseModel) -> Inputs:
        assert isinstance(params, StubbornParams)
        time.sleep(params.preparing)
        return inputs

    def generate(self, batch: Sequence[Sample], step: Step) -> list[Picture]:
        params = batch[0].params
        for done in range(params.steps):
            if not params.deaf:
                step(done / params.steps)
            note(params.tally)
            if not (params.hurry and Path(params.hurry).exists()):
                time.sleep(params.seconds / params.steps)
        return [flat(sample.seed) for sample in batch]


class Heavy(Plain):
    """Its weights never arrive."""

    about: ClassVar = about("heavy")

    def load(self, device: str) -> None:
        time.sleep(3600)


def note(tally: str) -> None:
    if tally:
        with Path(tally).open("ab") as file:
            file.write(b".")


MODELS = [Stubborn, Heavy]
