"""The table's stream: what has been announced goes to `notify`."""

import logging
import time
from dataclasses import dataclass

from local.envelopes import failures, sequence_number, stream_event
from local.http_events import Context, Handler
from shared.embedded.table import Announcement, SqliteTable

logger = logging.getLogger("pump")

BATCH = 100
IDLE_SECONDS = 1.0
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

    def turn(self) -> None:
        """Tell what is new and what is to be tried again, or wait for a ring."""
        self._table.stream_bell.listen()
        fresh = self._table.announcements(BATCH, self._last)
        batch = fresh + self._due(time.monotonic())
        if not batch:
            self._table.stream_bell.wait(IDLE_SECONDS)
            return
        self._tell(batch)
        self._last = max(self._last, *(announcement.seq for announcement in batch))
        self._table.acknowledge(self._last, keep=self._later)

    def _due(self, now: float) -> list[Announcement]:
        return [later.announcement for later in self._later.values() if later.at <= now]

    def _tell(self, batch: list[Announcement]) -> None:
        failed = self._failed(batch)
        now = time.monotonic()
        for announcement in batch:
            before = self._later.pop(announcement.seq, None)
            if sequence_number(announcement) in failed and len(self._later) < MOST_REMEMBERED:
                backoff = min(LAST_BACKOFF, before.backoff * 2) if before else FIRST_BACKOFF
                self._later[announcement.seq] = Later(announcement, now + backoff, backoff)

    def _failed(self, batch: list[Announcement]) -> set[str]:
        event = stream_event(self._name, batch)
        try:
            return failures(self._notify(event, Context("atelier-notify", event_id(event))))
        except Exception:
            logger.exception("notify failed")
            return {sequence_number(announcement) for announcement in batch}


def event_id(event: dict[str, list[dict[str, str]]]) -> str:
    """A name for the invocation in logs."""
    return event["Records"][0]["eventID"]
