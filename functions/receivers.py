"""Whom this process calls at the moment, so that one slow receiver never holds up another.

A bulkhead: a host, and a tenant, has so many calls at a time and no more. Where a host answers, a
few threads wait a moment for a place; where nothing has moved for that moment, nobody waits.
A circuit breaker: a host that let several calls in a row time out is called by one at a time, and
less and less often, until it answers. What may not be called now goes back to its queue, where it
keeps no thread busy.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Condition

PER_HOST = 4
PER_TENANT = 24
PAUSE_AFTER = 3
"""Calls that timed out one after the other."""
FIRST_PAUSE, LAST_PAUSE = 5.0, 300.0
MOST_WAITING = 8
"""Threads that wait for a place at one host, and for how long."""
PATIENCE = 1.0
CROWDED_SECONDS = 3.0
"""How long one stays away from a host where nothing moves; where it does, a third of that."""
MOST_HOSTS = 1000


class Busy(Exception):
    """Not now: come back in so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"busy for {seconds:.0f} s")
        self.seconds = seconds


@dataclass
class Call:
    """One call under way."""

    timed_out: bool = False


@dataclass
class Host:
    """One receiver, as this process knows it."""

    calls: int = 0
    waiting: int = 0
    timeouts: int = 0
    paused_until: float = 0.0
    moved: float = 0.0
    """When a call last began or ended."""

    @property
    def places(self) -> int:
        """For one that times out there is a single place, to find out whether it still does."""
        return 1 if self.timeouts >= PAUSE_AFTER else PER_HOST


class Receivers:
    """The calls under way. For many threads."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, patience: float = PATIENCE
    ) -> None:
        self._clock = clock
        self._patience = patience
        self._freed = Condition()
        self._hosts: dict[str, Host] = {}
        self._tenants: Counter[str] = Counter()

    @contextmanager
    def call(self, tenant: str, name: str) -> Iterator[Call]:
        """A call of a host, whose caller notes whether it timed out. Raises `Busy` where it has to
        wait."""
        host, call = self._enter(tenant, name), Call()
        try:
            yield call
        finally:
            self._leave(tenant, host, call.timed_out)

    def _enter(self, tenant: str, name: str) -> Host:
        with self._freed:
            host = self._host(name)
            self._wait(host)
            self._check(host, tenant)
            host.calls += 1
            host.moved = self._clock()
            self._tenants[tenant] += 1
            return host

    def _wait(self, host: Host) -> None:
        """For a place, where places become free."""
        if host.waiting >= MOST_WAITING:
            return
        host.waiting += 1
        give_up = self._clock() + self._patience
        while host.calls >= host.places and not self._paused(host):
            left = min(give_up, host.moved + self._patience) - self._clock()
            if left <= 0 or not self._freed.wait(left):
                break
        host.waiting -= 1

    def _check(self, host: Host, tenant: str) -> None:
        if self._paused(host):
            raise Busy(_spread(host.paused_until - self._clock()))
        if host.calls >= host.places or self._tenants[tenant] >= PER_TENANT:
            moves = self._clock() - host.moved < self._patience
            raise Busy(_spread(CROWDED_SECONDS / 3 if moves else CROWDED_SECONDS))

    def _paused(self, host: Host) -> bool:
        return self._clock() < host.paused_until

    def _leave(self, tenant: str, host: Host, timed_out: bool) -> None:
        with self._freed:
            host.calls -= 1
            host.moved = self._clock()
            self._tenants[tenant] -= 1
            self._freed.notify_all()
            host.timeouts = host.timeouts + 1 if timed_out else 0
            if host.timeouts >= PAUSE_AFTER:
                doubled = min(host.timeouts - PAUSE_AFTER, 10)
                host.paused_until = self._clock() + min(LAST_PAUSE, FIRST_PAUSE * 2**doubled)

    def _host(self, name: str) -> Host:
        if name not in self._hosts and len(self._hosts) >= MOST_HOSTS:
            busy = {name: host for name, host in self._hosts.items() if host.calls or host.waiting}
            self._hosts = busy
        return self._hosts.setdefault(name, Host())


def _spread(seconds: float) -> float:
    """Up to twice as long, or all that wait would come back together."""
    return seconds * random.uniform(1, 2)  # noqa: S311
