"""What has failed the worker, and the rest that it takes for that."""

from collections.abc import Iterator
from queue import SimpleQueue

from gpu_worker.drain import Drain
from shared.backoff import decorrelated
from shared.errors import Unavailable
from shared.logs import Logger

logger = Logger(service="worker")

REST_LEAST, REST_MOST = 0.25, 30.0
"""Seconds of rest after a service has failed, the longer the more often in a row."""


class Trouble:
    """Told of by any thread, and rested for by the main one."""

    def __init__(self, drain: Drain) -> None:
        self._drain = drain
        self._told: SimpleQueue[Exception] = SimpleQueue()
        self._rest = 0.0

    def note(self, error: Exception) -> None:
        """Something has failed."""
        self._told.put(error)

    def clear(self) -> None:
        """Something has gone well: the next rest is a short one."""
        self._rest = 0.0

    def settle(self) -> None:
        """Rest, where something has failed since the last time."""
        failed = list(self._drained())
        if not failed:
            return
        self._rest = decorrelated(self._rest, REST_LEAST, REST_MOST)
        for error in failed:
            known = isinstance(error, Unavailable)
            logger.warning("trouble", extra={"rest": self._rest}, exc_info=None if known else error)
        self._drain.wait(self._rest)

    def _drained(self) -> Iterator[Exception]:
        while not self._told.empty():
            yield self._told.get()
