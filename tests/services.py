"""A system whose services fail on demand: before they have done anything, or when they have done it
all and only the answer is lost."""

from collections.abc import Callable
from dataclasses import replace
from threading import Lock, current_thread
from typing import Any

from shared.errors import Unavailable
from shared.system import System, one_by_one

TABLE = {"get", "get_many", "put", "delete", "partition", "owned", "batch", "due"}
BLOBS = {"get", "put", "put_all", "head", "copy", "delete", "keys"}
QUEUE = {"send", "receive", "extend", "extend_all", "delete"}
TOPIC = {"publish"}
OPERATIONS = TABLE | BLOBS | QUEUE | TOPIC


class Services:
    """A system's ports, each call of which passes through `before` and `after`.

    `before` may raise `Unavailable`: the call was refused. So may `after`: it took effect, and its
    answer was lost. The calls are counted over all ports; how many a worker's keeper makes in its
    thread is a matter of time, so they are not where `keeper` is false.
    """

    def __init__(self, system: System, keeper: bool = True) -> None:
        self.keeper = keeper
        self.count = 0
        self.calls: list[str] = []
        self.before: Callable[[int, str, tuple[Any, ...]], None] = lambda *_: None
        self.after: Callable[[int, str, tuple[Any, ...]], None] = lambda *_: None
        self._lock = Lock()
        self._system = system

    @property
    def system(self) -> System:
        """Made anew each time: kept here it would know itself, and no file of it be closed soon."""
        real = self._system
        return replace(
            real,
            table=Port(self, "table", real.table),
            inbox=Port(self, "inbox", real.inbox),
            artworks=Port(self, "artworks", real.artworks),
            topic=Port(self, "topic", real.topic),
            queue=lambda name: Port(self, "queue", real.queue(name)),
            together=one_by_one,  # as in the cloud, where any of several writes may be the last
        )

    def call(self, name: str, work: Callable[[], Any], given: tuple[Any, ...]) -> Any:
        if not self.keeper and current_thread().name == "keeper":
            return work()
        with self._lock:
            number, self.count = self.count, self.count + 1
            self.calls.append(name)
        self.before(number, name, given)
        answer = work()
        self.after(number, name, given)
        return answer

    def fail_once(self, number: int, answered: bool) -> None:
        """The call of that number fails; where `answered` is false it has taken effect."""

        def fail(now: int, name: str, _: tuple[Any, ...]) -> None:
            if now == number:
                raise Unavailable(f"{name} failed")

        self.before, self.after = (fail, self.after) if answered else (self.before, fail)

    def fail_always(self, *names: str) -> None:
        """Until `mend`, every such call fails; all do where none is named."""

        def fail(_: int, name: str, given: tuple[Any, ...]) -> None:
            if not names or name in names:
                raise Unavailable(f"{name} failed")

        self.before = fail

    def mend(self) -> None:
        self.before = self.after = lambda *_: None


class Port:
    """One port of a system, by way of `Services`."""

    def __init__(self, services: Services, name: str, port: Any) -> None:
        self._services, self._name, self._port = services, name, port

    def __getattr__(self, operation: str) -> Any:
        real = getattr(self._port, operation)
        if operation not in OPERATIONS:
            return real

        def call(*given: Any, **named: Any) -> Any:
            def work() -> Any:
                answer = real(*given, **named)
                return list(answer) if operation == "keys" else answer

            return self._services.call(f"{self._name}.{operation}", work, given)

        return call
