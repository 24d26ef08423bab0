"""A device of the simulation, for real: it sleeps for as long as a batch takes."""

import time
from collections.abc import Sequence
from typing import ClassVar

from gpu_worker.model import Sample, Step
from gpu_worker.pictures import Picture
from tests.bench.simulated.models import SimulatedModel
from tests.own_models import Plain, about, flat

NAP = SimulatedModel("nap", 1.0, 0.4, 0.2, 4, 1, 0.0)


class Nap(Plain):
    """One flat colour, after a while."""

    about: ClassVar = about(NAP.name, limits={"batch": NAP.batch})

    def generate(self, batch: Sequence[Sample], step: Step) -> list[Picture]:
        time.sleep(NAP.seconds(len(batch)))
        return [flat(sample.seed) for sample in batch]


MODELS = [Nap]
