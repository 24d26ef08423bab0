"""A device of the simulation, for real: it sleeps for as long as a batch takes."""

import time
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from gpu_worker.model import Encoded, Inputs, Sample, Step
from gpu_worker.pictures import Picture, encode_png, thumbnail
from tests.bench.simulated.models import SimulatedModel
from tests.own_models import about

NAP = SimulatedModel("nap", 1.0, 0.4, 0.2, 4, 1, 0.0)
GREY = np.full((64, 64, 3), 127, np.uint8)


class Nothing(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Nap:
    """Grey, after a while."""

    about: ClassVar = about(NAP.name, limits={"batch": NAP.batch})
    Input: ClassVar[type[BaseModel]] = Nothing
    Params: ClassVar[type[BaseModel]] = Nothing
    weights: ClassVar[Sequence[Path]] = ()
    torch: ClassVar = False

    def load(self, device: str) -> None:
        pass

    def unload(self) -> None:
        pass

    def prepare(self, inputs: Inputs, params: Nothing) -> None:
        pass

    def shape(self, prepared: None, params: Nothing) -> Hashable:
        return None

    def generate(self, batch: Sequence[Sample], step: Step) -> Sequence[np.ndarray]:
        time.sleep(NAP.seconds(len(batch)))
        return [GREY] * len(batch)

    def encode(self, artwork: np.ndarray, params: Nothing) -> Encoded:
        made = Picture(artwork, None)
        return Encoded(encode_png(made), "image/png", thumbnail(made), 64, 64)


MODELS = [Nap]
