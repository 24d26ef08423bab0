"""What tests of workers share: real processes, one moved by hand, a look at jobs."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import psutil

from gpu_worker.drain import Drain
from gpu_worker.registry import Registry
from gpu_worker.worker import Worker
from shared.contract import JobRequest
from shared.embedded.database import Database
from shared.records import JobRecord
from shared.settings import Settings, environment
from shared.system import System
from tests.conftest import OWN_MODELS

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


def by_hand(system: System, models: tuple[str, ...] = OWN_MODELS) -> Worker:
    """A worker that is moved by hand: `once()`."""
    return Worker(system, Registry(models, "cpu"), Drain(60))


@contextmanager
def at_work(worker: Worker) -> Iterator[None]:
    """It works in a thread of this process, and is drained in the end."""
    thread = Thread(target=worker.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        worker.drain.ask()
        thread.join(60)
        assert not thread.is_alive()


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
    with Database(data).alone():
        process.send_signal(signal.SIGSTOP)
        while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
            time.sleep(0.01)


def blobs(system: System, job: JobRecord) -> set[str]:
    """Every key that is stored under the job."""
    return set(system.artworks.keys(f"{job.tenant}/{job.id}/"))


def named(job: JobRecord) -> set[str]:
    """Every key that the job names."""
    return {key for made in job.artworks for key in made.keys(job.tenant, job.id)}
