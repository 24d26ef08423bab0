"""How long the batch on the device will take: what decides whether it fits into a drain."""

import time
from math import inf


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
    def runs(self) -> bool:
        """The device has it now."""
        return self._begun is not None

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

    def expected(self) -> float:
        """Seconds. Where nothing is known: as much again as it has taken."""
        if self._usual is None and not self._share:
            return self.elapsed
        return self.left()
