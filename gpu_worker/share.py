"""What one attempt wants of the device, and what it has got."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from gpu_worker.flow import Course
from gpu_worker.hold import Hold
from gpu_worker.model import Model, Sample
from gpu_worker.pace import Kind


@dataclass(frozen=True)
class Raw:
    """An artwork as its model has made it."""

    index: int
    artwork: Any


class Share:
    """The samples of one attempt on their way through the device, in batches with others."""

    def __init__(
        self,
        hold: Hold,
        course: Course,
        model: Model,
        kind: Kind,
        samples: dict[int, Sample],
        on_come: Callable[[], None],
    ) -> None:
        """`on_come` is called when there is something to be taken."""
        self.hold, self.course, self.model, self.kind = hold, course, model, kind
        self._on_come = on_come
        self.since = time.monotonic()
        self.waiting = deque(samples.items())
        """Of those the device has not taken yet."""
        self._total = self._wanted = len(samples)
        self._made = hold.job.count - len(samples)
        self._raw: list[Raw] = []
        self._error: BaseException | None = None
        self._closed = False
        self._lock = Lock()

    @property
    def unwanted(self) -> bool:
        """What it gets is made in vain."""
        return self.hold.stop is not None

    @property
    def begun(self) -> bool:
        """The device has taken some of its samples."""
        return len(self.waiting) < self._total

    @property
    def left(self) -> int:
        """Samples that the attempt has not taken yet."""
        return self._wanted

    def come(self) -> bool:
        """There is something to be taken."""
        return bool(self._raw) or self._error is not None

    def take(self) -> Sequence[Raw]:
        """What has been made since the last time, in order. Raises what the model raised."""
        with self._lock:
            raw, self._raw = self._raw, []
            if not raw and self._error:
                raise self._error
            self._wanted -= len(raw)
            return raw

    def reach(self, samples: int, part: float) -> None:
        """So many of its samples are on the device, and are done to that part, 0..1."""
        self.hold.reach((self._made + samples * part) / self.hold.job.count)

    def deliver(self, raw: Sequence[Raw]) -> bool:
        """The device has made these. Says whether anybody still waits for them."""
        with self._lock:
            if self._closed:
                return False
            self._raw.extend(raw)
            self._made += len(raw)
        self._on_come()
        return True

    def close(self) -> int:
        """Nobody waits any more. Returns how many were made and not taken."""
        with self._lock:
            self._closed = True
            return len(self._raw)

    def fail(self, error: BaseException) -> None:
        """The device could not make the rest."""
        self.waiting.clear()
        self._error = error
        self._on_come()
