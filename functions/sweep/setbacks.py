"""Records that could not be settled lately: they wait, and take nobody's place meanwhile."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from shared.records import Record

FIRST_WAIT, LAST_WAIT = 30.0, 3600.0
MOST = 1000
"""So many are remembered, the latest."""

Key = tuple[str, str]


@dataclass(frozen=True)
class Setback:
    """When the record is tried again, and how long that wait is."""

    until: float
    wait: float


class Setbacks:
    """What this process knows; another one learns it by its own failures."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[Key, Setback] = {}

    def __len__(self) -> int:
        return len(self._known)

    def waits(self, record: Record) -> bool:
        """Whether the record failed so lately that it is left alone."""
        known = self._known.get(_key(record))
        return known is not None and self._clock() < known.until

    def note(self, record: Record, settled: bool) -> None:
        """What came of the record: after each failure it waits twice as long."""
        before = self._known.pop(_key(record), None)
        if settled:
            return
        wait = min(LAST_WAIT, 2 * before.wait) if before else FIRST_WAIT
        self._known[_key(record)] = Setback(self._clock() + wait, wait)
        if len(self._known) > MOST:
            del self._known[next(iter(self._known))]


def _key(record: Record) -> Key:
    return record.pk, record.sk
