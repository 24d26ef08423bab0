"""SIGTERM: a spot notice or a deploy. What fits in the time left is finished."""

import signal
import time
from types import FrameType


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
