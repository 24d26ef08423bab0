"""Holding a job while it is worked on: what the main thread knows of it between two steps."""

import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from enum import Enum
from threading import Event
from typing import TypeVar

from gpu_worker.drain import Drain
from gpu_worker.estimate import Estimate, Usual
from gpu_worker.model import Interrupted
from shared.errors import StaleAttempt
from shared.lifecycle import Lease, overdue
from shared.records import JobRecord
from shared.system import System

T = TypeVar("T")


class Stop(Enum):
    """Why the work on a job is given up."""

    LOST = "another attempt holds the job, or it has ended"
    CANCELED = "its owner canceled it"
    OVERDUE = "its deadline has passed"
    DRAIN = "the worker's time is up"


class Hold:
    """One attempt's hold on its job, until something ends it early.

    `Keeper` keeps it, in a thread of its own; whichever of the two finds out first sets `stop`.
    """

    def __init__(self, system: System, job: JobRecord, drain: Drain, usual: Usual) -> None:
        self.system, self.job = system, job
        self.lease = Lease(holder=job.holder or "", attempt=job.attempt)
        self.stop: Stop | None = None
        self.stage = "preparing"
        self.progress = 0.0
        self.silence = 0.0
        """Seconds since the last step, as `Keeper` counts them."""
        self.at_work = False
        """The model has the word: it may be silent for too long."""
        self._drain, self._usual = drain, usual
        self._estimate = self._new_estimate()
        self._seen = time.monotonic()
        self._wake = Event()

    def step(self, progress: float = 0.0, share: float = 0.0) -> None:
        """Note the progress, 0..1, of the job and of its batch. Raises `Interrupted` where the
        work is to stop."""
        self.silence = 0.0
        self.progress = max(self.progress, min(progress, 1.0))
        self._estimate.reach(share)
        self.judge()
        if self.stop is not None:
            raise Interrupted(self.stop.value)

    def check(self) -> None:
        """As `step`, after the model's work: what is made is stored though the worker drains.

        Where we cannot know whose the job is (this process may have been stopped for hours), the
        table is asked first: nothing is stored in vain.
        """
        if time.monotonic() - self._seen > self.system.settings.visibility:
            self.look()
        if self.stop not in (None, Stop.DRAIN):
            raise Interrupted(self.stop.value)

    def look(self) -> None:
        """Ask the table whether the job is still ours and wanted. Raises `StaleAttempt`."""
        now = time.monotonic()
        job = self.system.table.get(JobRecord, self.job.id)
        if job is None:
            raise StaleAttempt(f"job {self.job.id} is gone")
        self.lease.check(job)
        self._seen = now
        if job.cancel_requested:
            self.end(Stop.CANCELED)

    def judge(self) -> None:
        """What there is to know without asking: the job's deadline, and the worker's."""
        if overdue(self.job, self.system.now()):
            self.end(Stop.OVERDUE)
        elif self._drain.asked and self._estimate.left() > self._drain.left:
            self.end(Stop.DRAIN)

    def end(self, stop: Stop) -> None:
        """The work is to stop, for this reason if there was none before."""
        self.stop = self.stop or stop
        self._wake.set()

    def wait_for(self, future: "Future[T]") -> T:
        """Its result, unless the work is to stop first."""
        future.add_done_callback(lambda _: self._wake.set())
        self._wake.wait()
        self.step()
        return future.result()

    @contextmanager
    def working(self, stage: str) -> Iterator[None]:
        """The model has the word in this block."""
        self.stage, self.silence, self.at_work = stage, 0.0, True
        try:
            yield
        finally:
            self.at_work = False

    @contextmanager
    def batch(self) -> Iterator[None]:
        """A batch is generated in this block, if there is time for it."""
        self._estimate = self._new_estimate()
        self.step()
        self._estimate.begin()
        with self.working("generating"):
            yield
        self._usual.note(self.job.model, self._estimate.elapsed)
        self._estimate.reach(1.0)

    def _new_estimate(self) -> Estimate:
        return Estimate(self._usual.of(self.job.model))
