"""What a device is asked for: how long, how many at once, and how much of its memory."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class SimulatedModel:
    """Seconds on a 24 GB device of the A10G's class."""

    name: str
    share: float
    """Of the jobs."""
    fixed: float
    each: float
    """A batch of n takes `fixed + n * each`."""
    batch: int
    memory: int
    """GB."""
    load: float
    """Seconds, from a file that the machine has read before."""

    def seconds(self, size: int) -> float:
        return self.fixed + size * self.each


MODELS = (
    SimulatedModel("painting", 0.75, 0.05, 0.10, 8, 2, 2.0),
    SimulatedModel("diffusion", 0.24, 0.50, 3.00, 4, 8, 5.0),
    SimulatedModel("large", 0.01, 1.00, 12.0, 1, 18, 12.0),
)
"""Assumed, not measured. The last two do not fit beside each other: that is what swaps come of."""
DEVICE_MEMORY = 24


def job_seconds(models: Sequence[SimulatedModel] = MODELS) -> float:
    """That a job of this mix keeps a device busy, in full batches and without loading."""
    return sum(model.share * model.seconds(model.batch) / model.batch for model in models)
