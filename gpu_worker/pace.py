"""What the device takes for batches of each size, and how many samples are best taken at once."""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field

Kind = tuple[str, Hashable]
"""A model's name and a shape: what a batch has in common."""

FRESH = 0.3
"""The weight of the newest batch in what a model usually takes."""
RECENT = 5
"""Batches of a size that are compared, by the quickest of them: a slow one met other work."""
WORTH = 1.03
"""A larger batch is to be so much faster per sample, or it only makes others wait."""
KINDS = 1000
"""So many are remembered: every photo may have a shape of its own."""
TRIES = 3
"""So many batches of a size are made before it is judged: the only one may have met other work."""
ANEW = 10
"""After so many batches a larger one is tried again: what was measured may have been noise."""


@dataclass
class Experience:
    """Of one kind."""

    recent: dict[int, deque[float]] = field(default_factory=dict)
    """Seconds of the latest batches, by size."""
    bytes_each: int = 0
    """Device memory a sample, the most seen."""
    limit: int | None = None
    """Memory has room for so many."""
    batches: int = 0

    def note(self, size: int, seconds: float) -> None:
        self.recent.setdefault(size, deque(maxlen=RECENT)).append(seconds)

    def seconds(self, most: int) -> dict[int, float]:
        """What batches up to that size take, undisturbed."""
        return {size: min(times) for size, times in self.recent.items() if size <= most}


class Pace:
    """Learns from every batch of this worker."""

    def __init__(self, latency: float) -> None:
        """No batch is made so large that it takes more than `latency` seconds."""
        self._latency = latency
        self._kinds: dict[Kind, Experience] = {}
        self._models: dict[str, float] = {}

    def usual(self, model: str) -> float | None:
        """Seconds that a batch of this model takes, the newest weighing most."""
        return self._models.get(model)

    def note(self, kind: Kind, size: int, seconds: float, used: int = 0) -> None:
        """A batch has taken so long, and so much of the device's memory. A kind's very first is not
        remembered: it pays for what is set up once."""
        known = self._of(kind)
        known.batches += 1
        known.bytes_each = max(known.bytes_each, used // size)
        before = self._models.get(kind[0], seconds)
        self._models[kind[0]] = before + FRESH * (seconds - before)
        if known.batches > 1:
            known.note(size, seconds)

    def overflow(self, kind: Kind, size: int) -> None:
        """So many were too many for the memory: never again."""
        known = self._of(kind)
        known.limit = max(1, min(size, known.limit or size) // 2)

    def best(self, kind: Kind, most: int, free: int | None = None) -> int:
        """Samples to take at once, if as many wait: `most` is what the model allows, `free` the
        device's free memory in bytes where it is known."""
        known = self._of(kind)
        most = min(most, known.limit or most)
        if free is not None and known.bytes_each:
            most = max(1, min(most, free // known.bytes_each))
        fitting = known.seconds(most)
        best = self._fastest(fitting)
        larger = min(2 * best, most)
        untried = len(known.recent.get(larger, ())) < TRIES or known.batches % ANEW == 0
        if larger > best and untried and 2 * fitting.get(best, 0.0) <= self._latency:
            return larger
        return best

    def _fastest(self, seconds: dict[int, float]) -> int:
        """The size with the least time a sample; a smaller one where a larger is hardly better."""
        best, best_each = 1, seconds.get(1, float("inf"))
        for size in sorted(seconds):
            each = seconds[size] / size
            if each * WORTH < best_each and (seconds[size] <= self._latency or size == 1):
                best, best_each = size, each
        return best

    def _of(self, kind: Kind) -> Experience:
        if kind not in self._kinds and len(self._kinds) == KINDS:
            del self._kinds[next(iter(self._kinds))]
        return self._kinds.setdefault(kind, Experience())
