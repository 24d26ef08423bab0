"""Which message comes next: interactive before bulk, without starving it."""

from itertools import count

from shared.ports import Letter, Queue
from shared.settings import Settings
from shared.system import LANES, System

BULK_EVERY = 5
"""Of five messages taken while both lanes wait, one is bulk."""
WAIT_SECONDS = 1.0


class Receiver:
    """One worker's ear on both lanes of its pool."""

    def __init__(self, system: System) -> None:
        self.settings: Settings = system.settings
        self._lanes = [system.lane(self.settings.pool, lane) for lane in LANES]
        self._turn = count(1)

    def next(self, wait: float = WAIT_SECONDS) -> tuple[Queue, Letter] | None:
        """The next message and the queue that it came from. Waits `wait` seconds at most."""
        order = self._lanes if next(self._turn) % BULK_EVERY else self._lanes[::-1]
        return self._take(order[0]) or self._take(order[1]) or self._take(self._lanes[0], wait)

    def _take(self, queue: Queue, wait: float = 0) -> tuple[Queue, Letter] | None:
        letters = queue.receive(1, self.settings.visibility, wait)
        return (queue, letters[0]) if letters else None
