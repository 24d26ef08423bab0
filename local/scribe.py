"""Requests that write little, answered by one thread: all that wait share one commit.

In threads of their own they would take turns at Python's lock between any two statements, and each
would be woken for the commit that it shares with others anyway.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from local.asgi import Plain
from local.http_events import Event
from shared.ports import Together

MOST = 16
"""Requests that share a commit: every other writer waits for all of them."""

Ask = Callable[[Event], Plain]
Asked = tuple[Event, asyncio.Future[Plain]]


class Scribe:
    """Answers events in the order in which they come. For one loop."""

    def __init__(self, ask: Ask, together: Together) -> None:
        self._ask = ask
        self._together = together
        self._waiting: deque[Asked] = deque()
        self._busy = False
        self._thread = ThreadPoolExecutor(1, "scribe")

    async def answer(self, event: Event) -> Plain:
        """The answer, once all that it tells of is durable."""
        answer: asyncio.Future[Plain] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, answer))
        if not self._busy:
            self._go_on()
        return await answer

    def _go_on(self) -> None:
        self._busy = bool(self._waiting)
        if self._busy:
            taken = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
            self._thread.submit(self._write, taken)

    def _write(self, taken: Sequence[Asked]) -> None:
        """In the thread."""
        outcomes = self._outcomes([event for event, _ in taken])
        taken[0][1].get_loop().call_soon_threadsafe(self._tell, taken, outcomes)

    def _outcomes(self, events: Sequence[Event]) -> list[Plain | BaseException]:
        try:
            return self._together(lambda: [self._outcome(event) for event in events])
        except BaseException as error:  # nothing was written, whatever the answers say
            return [error for _ in events]

    def _outcome(self, event: Event) -> Plain | BaseException:
        try:
            return self._ask(event)
        except BaseException as error:  # it ends no other's transaction, and not this thread
            return error

    def _tell(self, taken: Sequence[Asked], outcomes: Sequence[Plain | BaseException]) -> None:
        self._go_on()
        for (_, answer), outcome in zip(taken, outcomes, strict=True):
            if answer.cancelled():
                continue
            if isinstance(outcome, BaseException):
                answer.set_exception(outcome)
            else:
                answer.set_result(outcome)
