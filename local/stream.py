"""The table's stream: what has been announced goes to `notify`."""

import logging
import time
from dataclasses import dataclass
from itertools import islice

from local.envelopes import failures, sequence_number, stream_event
from local.http_events import Context, Handler
from shared.embedded.table import Announcement, SqliteTable

logger = logging.getLogger("pump")

BATCH = 50
IDLE_SECONDS = 1.0
GATHER_SECONDS = 0.1
"""After a batch, the next ones gather so long: many then cost little more than one. Who comes after
a quiet moment waits for nothing."""
MOST_TOLD = 1000
"""So many may stand in the stream though they were told: taking them out is a commit."""
FIRST_BACKOFF, LAST_BACKOFF = 1.0, 60.0
MOST_REMEMBERED = 1000
"""More failures than these are left to `sweep`, which finds every overdue announcement."""


@dataclass(frozen=True)
class Later:
    """An announcement that failed, and when it is tried again."""

    announcement: Announcement
    at: float
    backoff: float


class Stream:
    """Tells `notify`. A record that fails comes again later and holds up no other; it stays in the
    stream, so that the next pump knows of it too."""

    def __init__(self, table: SqliteTable, notify: Handler, name: str) -> None:
        self._table = table
        self._notify = notify
        self._name = name
        self._later: dict[int, Later] = {}
        self._last = 0
        self._told = 0

    def turn(self) -> None:
        """Tell what is new and what is to be tried again, or wait for a ring."""
        self._table.stream_bell.listen()
        fresh = self._table.announcements(BATCH, self._last)
        again = self._due(time.monotonic())
        if not fresh and not again:
            self._forget()
            self._table.stream_bell.wait(IDLE_SECONDS)
            return
        for batch in filter(None, (fresh, again)):
            self._tell(batch)
        if self._told >= MOST_TOLD:
            self._forget()
        if len(fresh) < BATCH:
            time.sleep(GATHER_SECONDS)

    def _due(self, now: float) -> list[Announcement]:
        due = (later.announcement for later in self._later.values() if later.at <= now)
        return list(islice(due, BATCH))

    def _tell(self, batch: list[Announcement]) -> None:
        failed = self._failed(batch)
        now = time.monotonic()
        for announcement in batch:
            before = self._later.pop(announcement.seq, None)
            if sequence_number(announcement) in failed and len(self._later) < MOST_REMEMBERED:
                backoff = min(LAST_BACKOFF, before.backoff * 2) if before else FIRST_BACKOFF
                self._later[announcement.seq] = Later(announcement, now + backoff, backoff)
        self._last = max(self._last, batch[-1].seq)
        self._told += len(batch)

    def _failed(self, batch: list[Announcement]) -> set[str]:
        event = stream_event(self._name, batch)
        try:
            return failures(self._notify(event, Context("atelier-notify", event_id(event))))
        except Exception:
            logger.exception("notify failed")
            return {sequence_number(announcement) for announcement in batch}

    def _forget(self) -> None:
        """Take what was told out of the stream. Until then, a new pump would be told of it again,
        and `notify` find that it is."""
        if self._told:
            self._table.acknowledge(self._last, keep=self._later)
            self._told = 0


def event_id(event: dict[str, list[dict[str, str]]]) -> str:
    """A name for the invocation in logs."""
    return event["Records"][0]["eventID"]
