"""What happens by the clock: `sweep` every half minute, and the table's garbage now and then."""

import time
from collections.abc import Callable
from datetime import datetime

from local.envelopes import schedule_event
from local.http_events import Context, Handler
from shared.embedded.table import SqliteTable

SWEEP_SECONDS = 30.0
GARBAGE_SECONDS = 600.0


class Schedule:
    """EventBridge's part, and that of the table's TTL."""

    def __init__(
        self,
        table: SqliteTable,
        sweep: Handler,
        now: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table = table
        self._sweep = sweep
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
            self._table.collect_garbage()
        self._sleep(max(0.0, min(self._next_sweep, self._next_garbage) - time.monotonic()))
