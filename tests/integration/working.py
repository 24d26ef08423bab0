"""What tests of workers share: real processes, and a system whose services fail on demand."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Lock, current_thread
from typing import Any

import psutil

from shared.contract import JobRequest
from shared.embedded.database import Database
from shared.errors import Unavailable
from shared.records import JobRecord
from shared.settings import Settings, environment
from shared.system import System

Process = subprocess.Popen[bytes]


def request(model: str = "plain", **fields: Any) -> JobRequest:
    return JobRequest(model=model, input=fields.pop("input", {}), **fields)


def current(system: System, job: JobRecord) -> JobRecord:
    found = system.table.get(JobRecord, job.id)
    assert found is not None
    return found


def until(
    system: System, job: JobRecord, reached: Callable[[JobRecord], bool], seconds: float = 60
) -> JobRecord:
    give_up = time.monotonic() + seconds
    while not reached(current(system, job)):
        assert time.monotonic() < give_up, current(system, job)
        time.sleep(0.02)
    return current(system, job)


def until_ended(system: System, job: JobRecord, seconds: float = 60) -> JobRecord:
    return until(system, job, lambda job: job.status.ended, seconds)


@contextmanager
def working(chosen: Settings, **how: Any) -> Iterator[Process]:
    """A worker process of its own, killed in the end."""
    command = [sys.executable, "-m", "gpu_worker", "run"]
    process = subprocess.Popen(
        command, env=environment(chosen), stdout=subprocess.DEVNULL, stdin=how.get("stdin")
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdin:
            process.stdin.close()


def stop(process: Process, data: Path) -> None:
    """Outside of a transaction: one that is stopped inside blocks all other writers."""
    with Database(data).write():
        process.send_signal(signal.SIGSTOP)
        while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)


def blobs(system: System, job: JobRecord) -> set[str]:
    """Every key that is stored under the job."""
    return set(system.artworks.keys(f"{job.tenant}/{job.id}/"))


def named(job: JobRecord) -> set[str]:
    """Every key that the job names."""
    return {key for made in job.artworks for key in made.keys(job.tenant, job.id)}


class Services:
    """A system's ports, each call of which passes through `before` and `after`.

    `before` may raise `Unavailable`: the call was refused. So may `after`: it took effect, and its
    answer was lost. The calls are counted over all ports; how many a worker's keeper makes in its
    thread is a matter of time, so they are not where `keeper` is false.
    """

    OPERATIONS = ("get", "put", "keys", "delete", "extend", "receive")

    def __init__(self, system: System, keeper: bool = True) -> None:
        self.keeper = keeper
        self.count = 0
        self.calls: list[str] = []
        self.before: Callable[[int, str, tuple[Any, ...]], None] = lambda *_: None
        self.after: Callable[[int, str, tuple[Any, ...]], None] = lambda *_: None
        self._lock = Lock()
        self.system = replace(
            system,
            table=Port(self, "table", system.table),
            inbox=Port(self, "inbox", system.inbox),
            artworks=Port(self, "artworks", system.artworks),
            queue=lambda name: Port(self, "queue", system.queue(name)),
        )

    def call(self, name: str, operation: Callable[..., Any], given: tuple[Any, ...]) -> Any:
        if not self.keeper and current_thread().name == "keeper":
            return operation(*given)
        with self._lock:
            number, self.count = self.count, self.count + 1
            self.calls.append(name)
        self.before(number, name, given)
        answer = operation(*given)
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
        if operation not in Services.OPERATIONS:
            return real
        name = f"{self._name}.{operation}"
        return lambda *given: self._services.call(name, real, given)
