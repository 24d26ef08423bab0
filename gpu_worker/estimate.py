"""How long the batch on the device will take: what decides whether it fits into a drain."""

import time
from math import inf

FRESH = 0.5
"""The weight of the newest batch in a model's usual time."""


class Usual:
    """The seconds that a batch of each model has taken in this worker, the newest weighing most."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def of(self, model: str) -> float | None:
        return self._seconds.get(model)

    def note(self, model: str, seconds: float) -> None:
        before = self._seconds.get(model, seconds)
        self._seconds[model] = before + FRESH * (seconds - before)


class Estimate:
    """Of one batch: from what is usual, and from its progress once it shows any."""

    def __init__(self, usual: float | None) -> None:
        self._usual = usual
        self._begun: float | None = None
        self._share = 0.0

    def begin(self) -> None:
        """The device has it."""
        self._begun = time.monotonic()

    def reach(self, share: float) -> None:
        self._share = min(max(self._share, share), 1.0)

    @property
    def elapsed(self) -> float:
        return 0.0 if self._begun is None else time.monotonic() - self._begun

    def left(self) -> float:
        """Seconds. Where nothing is known: for ever before it has begun, and 0 from then on."""
        if self._begun is None:
            return inf if self._usual is None else self._usual
        if self._share > 0:
            return self.elapsed * (1 - self._share) / self._share
        return max(0.0, (self._usual or 0.0) - self.elapsed)
