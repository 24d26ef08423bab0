"""What a fault does to a call.

Only what the real services do is done: a call is refused, takes effect and loses its answer, or is
slow; a message comes twice or out of order, an announcement twice. No write conflict is made up,
and nothing that was promised is lost. Where it is asked for by name, a process dies when its call
has taken effect, before it hears of it.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from shared.errors import Unavailable
from shared.ports import Letter, Queue
from tests.chaos.faults.chance import FATAL, Chance
from tests.chaos.faults.journal import Journal

SLOW_SECONDS = (0.005, 0.15)
LATE_SECONDS = (0.2, 2.0)
DOUBLED_SECONDS = 0.1
FAILING = ("refused", "unanswered")

Call = Callable[..., Any]
Told = tuple[str | None, str, str]
"""The kind of a fault, if any, the port and the operation."""


class Injector:
    """Strikes the calls of one process. Each kind of fault is a method of that name."""

    def __init__(self, dice: Chance, journal: Journal) -> None:
        self._dice, self._journal = dice, journal
        self._thread = threading.local()

    def struck(self, port: Any, name: str, operation: str, kinds: tuple[str, ...]) -> Call:
        """The port's operation, which sometimes meets with one of these faults. What a port calls
        of its own, or several calls that are one commit, meet with what befalls messages only."""
        call: Call = getattr(port, operation)
        around = self._within if operation == "writer" else self._instead
        to_messages = tuple(kind for kind in kinds if kind in ("doubled", "late"))

        def struck(*given: Any, **named: Any) -> Any:
            likely = to_messages if getattr(self._thread, "inside", False) else kinds
            told = (self._dice.strike(likely), name, operation)
            return around(told, port, call, *given, **named)

        return struck

    def _instead(self, told: Told, port: Any, call: Call, *given: Any, **named: Any) -> Any:
        kind = told[0]
        with self._alone():
            if kind is None:
                return call(*given, **named)
            answer = getattr(self, kind)(port, call, *given, **named)
        self._over(*told)
        return answer

    @contextmanager
    def _within(
        self, told: Told, port: Any, call: Call, *given: Any, **named: Any
    ) -> Iterator[Any]:
        """A blob that is written piece by piece: what fails is its beginning or its end."""
        if told[0] == "slow":
            self._sleep()
        if told[0] == "refused":
            self._over(*told)
        with call(*given, **named) as file:
            yield file
        self._over(*told)

    def _over(self, kind: str | None, name: str, operation: str) -> None:
        """The fault, if there was one, has had its effect."""
        if kind is None:
            return
        self._journal.fault(kind, name, operation)
        if kind == FATAL:
            os.kill(os.getpid(), signal.SIGKILL)
        if kind in FAILING:
            raise Unavailable(f"injected: {name}.{operation} {kind}")

    def refused(self, port: Any, call: Call, *given: Any, **named: Any) -> None:
        """Nothing happens."""

    def unanswered(self, port: Any, call: Call, *given: Any, **named: Any) -> None:
        call(*given, **named)

    fatal = unanswered

    def slow(self, port: Any, call: Call, *given: Any, **named: Any) -> Any:
        self._sleep()
        return call(*given, **named)

    def doubled(self, port: Any, call: Call, *given: Any, **named: Any) -> Any:
        """The second copy comes a moment later, and may come to somebody else."""
        copy = threading.Timer(self._dice.between(0, DOUBLED_SECONDS), call, given, named)
        copy.start()
        return call(*given, **named)

    def late(self, port: Queue, send: Call, body: str, group: str, delay: float = 0) -> None:
        """Those that are sent after it come before it."""
        send(body, group, delay + self._dice.between(*LATE_SECONDS))

    def redelivered(self, port: Queue, receive: Call, *given: Any, **named: Any) -> list[Letter]:
        """The letters are received, and at once they can be received again."""
        letters: list[Letter] = receive(*given, **named)
        for letter in letters:
            port.extend(letter, 0)
        return letters

    def _sleep(self) -> None:
        time.sleep(self._dice.between(*SLOW_SECONDS))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        before = getattr(self._thread, "inside", False)
        self._thread.inside = True
        try:
            yield
        finally:
            self._thread.inside = before
