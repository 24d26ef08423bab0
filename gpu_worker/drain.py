"""SIGTERM: a spot notice or a deploy. What fits in the time left is finished."""

import os
import signal
import time
from math import inf
from queue import Empty, SimpleQueue
from types import FrameType

HARD_EXIT_SECONDS = 5.0


class Drain:
    """Whether the worker is to end, and when it must have."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._deadline: float | None = None
        self._bell: SimpleQueue[None] = SimpleQueue()  # of all that wakes, signals may use it alone

    def listen(self) -> None:
        """Take SIGTERM and SIGINT. Call in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked)

    def ask(self) -> None:
        """End soon. Asking again changes nothing."""
        if self._deadline is None:
            self._end_in(self.seconds)

    def now(self) -> None:
        """The supervisor is gone: hand back what is not finished, and exit though a model hangs."""
        self._end_in(0.0)
        time.sleep(HARD_EXIT_SECONDS)
        os._exit(1)

    def wait(self, seconds: float) -> None:
        """Sleep, unless the worker is to end."""
        try:
            self._bell.put(self._bell.get(timeout=seconds))
        except Empty:
            return

    @property
    def asked(self) -> bool:
        """Take no more work."""
        return self._deadline is not None

    @property
    def left(self) -> float:
        """Seconds for work that was begun; below 0 where it should have been handed back."""
        return inf if self._deadline is None else self._deadline - time.monotonic()

    def _end_in(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._bell.put(None)

    def _asked(self, number: int, frame: FrameType | None) -> None:
        self.ask()
