"""Which messages come next: interactive before bulk, without starving it."""

from collections.abc import Sequence
from itertools import count

from shared.ports import Letter, Queue
from shared.settings import Settings
from shared.system import LANES, System

BULK_EVERY = 5
"""Of five times that messages are taken while both lanes wait, one is bulk's."""
WAIT_SECONDS = 1.0

Received = tuple[Queue, Sequence[Letter]]


class Receiver:
    """One worker's ear on both lanes of its pool."""

    def __init__(self, system: System) -> None:
        self.settings: Settings = system.settings
        self._lanes = [system.lane(self.settings.pool, lane) for lane in LANES]
        self._turn = count(1)

    def next(self, limit: int, wait: float = WAIT_SECONDS) -> Received:
        """Up to `limit` messages (10 at most) and the queue that they came from. Waits `wait`
        seconds at most for the first."""
        first, second = self._lanes if next(self._turn) % BULK_EVERY else self._lanes[::-1]
        for queue, patience in ((first, 0.0), (second, 0.0), (self._lanes[0], wait)):
            letters = queue.receive(min(limit, 10), self.settings.visibility, patience)
            if letters:
                return queue, letters
        return self._lanes[0], ()
