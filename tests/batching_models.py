"""Models of a user's own that tell which samples came in one batch, and have trouble with some."""

import time
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from gpu_worker.model import Sample, Step
from gpu_worker.pictures import Picture
from tests.own_models import Plain, about, flat


class TogetherParams(BaseModel):
    model_config = ConfigDict(extra="forbid")

    poison: bool = False
    seconds: float = 0.0
    """Of a batch."""
    gate: str = ""
    """A file that the batch waits for."""
    log: str = ""
    """A file in which a line is written for each batch that begins: its size."""


class Together(Plain):
    """Takes up to eight at once, whatever their parameters."""

    about: ClassVar = about("together", limits={"batch": 8})
    Params: ClassVar[type[BaseModel]] = TogetherParams  # type: ignore[assignment]

    def shape(self, prepared: object, params: BaseModel) -> Hashable:
        return ()

    def generate(self, batch: Sequence[Sample], step: Step) -> list[Picture]:
        for log in {sample.params.log for sample in batch if sample.params.log}:
            with Path(log).open("a") as file:
                file.write(f"{len(batch)}\n")
        end = time.monotonic() + max(sample.params.seconds for sample in batch)
        gates = [Path(sample.params.gate) for sample in batch if sample.params.gate]
        while time.monotonic() < end or not all(gate.exists() for gate in gates):
            step(0.5)
            time.sleep(0.01)
        if any(sample.params.poison for sample in batch):
            raise ZeroDivisionError("a bug")
        return [flat(sample.seed) for sample in batch]


class Hungry(Together):
    """Has memory for three."""

    about: ClassVar = about("hungry", limits={"batch": 8})

    def generate(self, batch: Sequence[Sample], step: Step) -> list[Picture]:
        made = super().generate(batch, step)
        if len(batch) > 3:
            raise MemoryError
        return made


MODELS = [Together, Hungry]
