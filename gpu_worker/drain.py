"""SIGTERM: a spot notice or a deploy. What fits in the time left is finished."""

import os
import signal
import time
from types import FrameType

HARD_EXIT_SECONDS = 5.0


class Drain:
    """Whether the worker is to end, and when it must have."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._deadline: float | None = None

    def listen(self) -> None:
        """Take SIGTERM and SIGINT. Call in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked)

    def ask(self) -> None:
        """End soon. Asking again changes nothing."""
        if self._deadline is None:
            self._deadline = time.monotonic() + self.seconds

    def now(self) -> None:
        """The supervisor is gone: hand back what is not finished, and exit though a model hangs."""
        self._deadline = time.monotonic()
        time.sleep(HARD_EXIT_SECONDS)
        os._exit(1)

    @property
    def asked(self) -> bool:
        """Take no more work."""
        return self._deadline is not None

    @property
    def over(self) -> bool:
        """Hand back what is not finished, now."""
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _asked(self, number: int, frame: FrameType | None) -> None:
        self.ask()
