"""A system whose nth call of a port fails: before it has done anything, or after it has done all of
it, when only the answer is lost."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from shared.errors import Unavailable, WriteConflict
from shared.system import System

PORTS = {
    "table": ("get", "put", "delete", "partition", "owned", "batch", "due"),
    "inbox": ("put", "get", "head", "copy", "delete", "keys"),
    "artworks": ("put", "get", "head", "copy", "delete", "keys"),
    "topic": ("publish",),
    "queue": ("send", "receive", "extend", "delete"),
}
READS = frozenset({"get", "partition", "owned", "batch", "due", "head", "keys"})


@dataclass
class Fault:
    """Which call fails, and how; `calls` is what was called, in order."""

    nth: int = 0
    """From 1; 0 fails none."""
    after: bool = False
    calls: list[str] = field(default_factory=list)
    struck: bool = False

    def system(self, system: System) -> System:
        """The same system, with calls that are counted and may fail."""
        queue = system.queue
        return replace(
            system,
            table=Port(system.table, "table", self),
            inbox=Port(system.inbox, "inbox", self),
            artworks=Port(system.artworks, "artworks", self),
            topic=Port(system.topic, "topic", self),
            queue=lambda name: Port(queue(name), "queue", self),
        )

    def call(self, name: str, work: Callable[[], Any]) -> Any:
        self.calls.append(name)
        if len(self.calls) != self.nth:
            return work()
        self.struck = True
        if self.after:
            try:
                work()
            except WriteConflict:
                raise  # an answer that a lost one would not have been
        raise Unavailable(f"call {self.nth}, {name}, was to fail")


class Port:
    """A port behind the fault."""

    def __init__(self, real: Any, name: str, fault: Fault) -> None:
        self._real, self._name, self._fault = real, name, fault

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._real, method)
        if method not in PORTS[self._name]:
            return found

        def call(*given: Any, **named: Any) -> Any:
            def work() -> Any:
                answer = found(*given, **named)
                return list(answer) if method == "keys" else answer

            return self._fault.call(f"{self._name}.{method}", work)

        return call
