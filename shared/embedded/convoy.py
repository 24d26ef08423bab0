"""Threads that want the same kind of thing at the same time have one of them do it for all.

Whoever comes first leads, and takes along all who have come meanwhile; the others sleep until
theirs is over.
"""

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Generic, TypeVar


class Errand:
    """What one thread wants done."""

    def __init__(self) -> None:
        self.over = False
        self.wake: SimpleQueue[None] = SimpleQueue()

    def end(self) -> None:
        """It is done, or has failed: its thread may look."""
        self.over = True
        self.wake.put(None)


E = TypeVar("E", bound=Errand)


class Convoy(Generic[E]):
    """The threads of one process that wait for the same thing."""

    def __init__(self) -> None:
        self._waiting: deque[E] = deque()
        self._leading = threading.Lock()

    def go(self, errand: E, lead: Callable[[], None]) -> None:
        """Return when the errand is over. `lead`, of whichever thread leads, takes what there is
        by `next` and ends all that it has taken."""
        self._waiting.append(errand)
        try:
            while not errand.over:
                self._lead_or_wait(errand, lead)
        finally:
            if not errand.over:  # interrupted
                with suppress(ValueError):
                    self._waiting.remove(errand)
            self._wake_next()

    def next(self) -> E | None:
        """The errand that has waited longest; it is the leader's now."""
        try:
            return self._waiting.popleft()
        except IndexError:
            return None

    def _lead_or_wait(self, errand: E, lead: Callable[[], None]) -> None:
        if not self._leading.acquire(blocking=False):
            errand.wake.get()
            return
        try:
            lead()
        finally:
            self._leading.release()

    def _wake_next(self) -> None:
        """Who came too late for the last leader leads the next time.

        Whoever sees a leader may leave: that one looks again when it has let go of the lead.
        """
        if self._waiting and not self._leading.locked():
            with suppress(IndexError):
                self._waiting[0].wake.put(None)
