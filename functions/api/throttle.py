"""So many submissions a minute for each tenant: one runaway client is not to spend what all have.

A token bucket of each tenant in the table, from which a process draws a second's worth at a time:
most submissions cost no call, and those that are refused cost none until there are tokens again. It
is written under a condition on its version, as all is: however many processes draw, no token is
drawn twice. What a process has drawn and not given out is all that a tenant gets beyond its number.

To count a tenant's jobs instead would be to read them, from an index that lags behind.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache
from threading import Lock

from shared.errors import TooManyRequests, WriteConflict
from shared.records import BucketRecord
from shared.system import System

MINUTE = 60
LIFE = timedelta(minutes=5)
"""Of a bucket that nobody draws from: it is full long before."""


def throttle(system: System, tenant: str) -> None:
    """Count a submission, where these are limited. Raises `TooManyRequests`."""
    if system.settings.submits_per_minute:
        _throttle(system.settings.submits_per_minute).take(system, tenant)


@cache
def _throttle(a_minute: int) -> "Throttle":
    return Throttle(a_minute)


class Throttle:
    """What one process has drawn of each tenant's tokens."""

    def __init__(self, a_minute: int) -> None:
        self._a_minute = a_minute
        self._handful = max(1, a_minute // MINUTE)
        self._drawn: dict[str, int] = {}
        self._empty_until: dict[str, datetime] = {}
        self._lock = Lock()

    def take(self, system: System, tenant: str) -> None:
        """One token. The lock is never held while the table is asked: another thread may wait for
        it within the very transaction that the table waits for."""
        while not self._given(system, tenant):
            drawn = self._draw(system, tenant, system.now())
            with self._lock:
                self._drawn[tenant] = self._drawn.get(tenant, 0) + drawn

    def _given(self, system: System, tenant: str) -> bool:
        """Of what has been drawn."""
        with self._lock:
            now = system.now()
            if self._empty_until.get(tenant, now) > now:
                raise self._refusal(tenant, now)
            left = self._drawn.get(tenant, 0)
            self._drawn[tenant] = max(0, left - 1)
            return left > 0

    def _draw(self, system: System, tenant: str, now: datetime) -> int:
        """A handful, or what there is of one. Where another draws at the same moment, again."""
        while True:
            kept = system.table.get(BucketRecord, f"bucket#{tenant}")
            bucket = self._refilled(kept, now) if kept else self._full(tenant, now)
            drawn = min(self._handful, int(bucket.tokens))
            if not drawn:
                missing = (1 - bucket.tokens) * MINUTE / self._a_minute
                self._empty_until[tenant] = now + timedelta(seconds=missing)
                raise self._refusal(tenant, now)
            with suppress(WriteConflict):
                left = {"tokens": bucket.tokens - drawn}
                system.table.put(bucket.model_copy(update=left))
                return drawn

    def _full(self, tenant: str, now: datetime) -> BucketRecord:
        return BucketRecord(tenant=tenant, tokens=self._a_minute, at=now, expires_at=now + LIFE)

    def _refilled(self, kept: BucketRecord, now: datetime) -> BucketRecord:
        """What has come in since, whatever another machine's clock has said."""
        elapsed = max(0.0, (now - kept.at).total_seconds())
        tokens = min(self._a_minute, kept.tokens + elapsed * self._a_minute / MINUTE)
        at = max(now, kept.at)
        return kept.model_copy(update={"tokens": tokens, "at": at, "expires_at": at + LIFE})

    def _refusal(self, tenant: str, now: datetime) -> TooManyRequests:
        wait = (self._empty_until[tenant] - now).total_seconds()
        return TooManyRequests(f"{self._a_minute} submissions a minute at most", wait)
