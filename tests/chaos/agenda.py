"""What the clients are to do, and when."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable


class Agenda:
    """What the clients are to do, and when."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._number = itertools.count()
        self._changed = threading.Condition()
        self._doing = 0

    def add(self, wait: float, act: Callable[[], None]) -> None:
        with self._changed:
            heapq.heappush(self._heap, (time.monotonic() + wait, next(self._number), act))
            self._changed.notify()

    def take(self, seconds: float) -> Callable[[], None] | None:
        """The next act whose time has come; waits so long for one. Call `done` afterwards."""
        with self._changed:
            if not self._heap or self._heap[0][0] > time.monotonic():
                soonest = self._heap[0][0] - time.monotonic() if self._heap else seconds
                self._changed.wait(min(seconds, max(0.0, soonest)))
            if not self._heap or self._heap[0][0] > time.monotonic():
                return None
            self._doing += 1
            return heapq.heappop(self._heap)[2]

    def done(self) -> None:
        with self._changed:
            self._doing -= 1

    @property
    def empty(self) -> bool:
        with self._changed:
            return not self._heap and not self._doing
