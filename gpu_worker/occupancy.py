"""How busy a worker's device is: seconds that a model ran, of the seconds that the worker lived."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread

from aws_lambda_powertools.metrics import MetricUnit

from shared.metrics import emit

EVERY_SECONDS = 60.0


class Occupancy:
    """Two counters, written to the log each minute. All workers' together, the one over the other
    is the share of time that devices are busy; the second alone says how many workers there are."""

    def __init__(self, stack: str) -> None:
        self._stack = stack
        self._lock = Lock()
        self._told_at = time.monotonic()
        self._since: float | None = None
        """When the batch on the device began, or was last counted."""
        self._busy = 0.0

    @contextmanager
    def busy(self) -> Iterator[None]:
        """A model runs."""
        with self._lock:
            self._since = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._count(time.monotonic())
                self._since = None

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Tell each minute, and at the end what is left."""
        over = Event()
        thread = Thread(target=self._report_until, args=(over,), name="occupancy", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self.report()

    def _report_until(self, over: Event) -> None:
        while not over.wait(EVERY_SECONDS):
            self.report()

    def report(self) -> None:
        """Tell the seconds since the last time; of a long batch, those that have passed."""
        with self._lock:
            now = time.monotonic()
            self._count(now)
            busy, lived = self._busy, now - self._told_at
            self._busy, self._told_at = 0.0, now
        seconds = {"DeviceSeconds": busy, "WorkerSeconds": lived}
        emit(self._stack, {name: (MetricUnit.Seconds, one) for name, one in seconds.items()})

    def _count(self, now: float) -> None:
        if self._since is not None:
            self._busy += now - self._since
            self._since = now
