"""`?wait=` on one machine: each client that waits costs a future, and no thread."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property

from functions.api.patience import Wait
from shared.embedded.bell import FALLBACK_SECONDS, Bell, marked
from shared.embedded.ear import Ear
from shared.system import System


class Changes:
    """Wakes those who wait for a job, by one ear for all of them."""

    def __init__(self, system: System, bell: Bell) -> None:
        self._system = system
        self._bell = bell
        self._waiting: dict[str, set[asyncio.Event]] = {}
        """By the marks of their jobs."""

    async def over(self, wait: Wait) -> None:
        """Return when there is nothing to wait for any more."""
        if not wait.left(self._system):
            return
        with self._told_of(marked(wait.job_id)) as rung:
            while left := wait.left(self._system):
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(left, FALLBACK_SECONDS)):
                        await rung.wait()
                rung.clear()

    @cached_property
    def _ear(self) -> Ear | None:
        """Without one, everybody looks again each second."""
        with suppress(OSError):
            return Ear(self._bell)
        return None

    @contextmanager
    def _told_of(self, mark: str) -> Iterator[asyncio.Event]:
        rung = asyncio.Event()
        if not self._waiting:
            self._listen(asyncio.get_running_loop())
        if mark not in self._waiting and self._ear:
            self._ear.turn_to(mark)
        self._waiting.setdefault(mark, set()).add(rung)
        try:
            yield rung
        finally:
            # What was waited for is answered first.
            asyncio.get_running_loop().call_soon(self._forget, mark, rung)

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._ear:
            loop.add_reader(self._ear.descriptor, self._hear, self._ear)

    def _hear(self, ear: Ear) -> None:
        for mark in ear.heard():
            for rung in self._waiting.get(mark, ()):
                rung.set()

    def _forget(self, mark: str, rung: asyncio.Event) -> None:
        self._waiting[mark].discard(rung)
        if not self._waiting[mark]:
            del self._waiting[mark]
            if self._ear:
                self._ear.turn_from(mark)
        if not self._waiting and self._ear:
            asyncio.get_running_loop().remove_reader(self._ear.descriptor)
