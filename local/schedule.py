"""What happens by the clock: `sweep` every half minute, and every minute garbage is removed."""

import time
from collections.abc import Callable
from datetime import datetime

from local.envelopes import schedule_event
from local.http_events import Context, Handler

SWEEP_SECONDS = 30.0
GARBAGE_SECONDS = 60.0


class Schedule:
    """EventBridge's part, and that of the table's TTL and of the buckets' lifecycle rules."""

    def __init__(
        self,
        sweep: Handler,
        collect_garbage: Callable[[], None],
        now: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._sweep = sweep
        self._collect_garbage = collect_garbage
        self._now = now
        self._sleep = sleep
        self._next_sweep = self._next_garbage = time.monotonic()

    def turn(self) -> None:
        """Do what is due, then sleep. After a failure, the next turn comes at its usual time."""
        moment = time.monotonic()
        if moment >= self._next_sweep:
            self._next_sweep = moment + SWEEP_SECONDS
            event = schedule_event("atelier-sweep", self._now())
            self._sweep(event, Context("atelier-sweep", event["id"]))
        if moment >= self._next_garbage:
            self._next_garbage = moment + GARBAGE_SECONDS
            self._collect_garbage()
        self._sleep(max(0.0, min(self._next_sweep, self._next_garbage) - time.monotonic()))
