"""Holding a job while it is worked on: what is known of it between two steps."""

import time
from collections.abc import Callable
from enum import Enum
from threading import Lock

from gpu_worker.drain import Drain
from gpu_worker.estimate import Estimate
from gpu_worker.model import Interrupted
from shared.errors import StaleAttempt
from shared.lifecycle import Lease, overdue
from shared.records import JobRecord
from shared.system import System


class Stop(Enum):
    """Why the work on a job is given up."""

    LOST = "another attempt holds the job, or it has ended"
    CANCELED = "its owner canceled it"
    OVERDUE = "its deadline has passed"
    DRAIN = "the worker's time is up"
    SURPLUS = "another worker may make it sooner"


class Hold:
    """One attempt's hold on its job, until something ends it early.

    `Keeper` keeps it, the device makes its samples, others prepare and store, each in a thread of
    its own; whichever finds out first sets `stop`.
    """

    def __init__(self, system: System, job: JobRecord, drain: Drain, usual: float | None) -> None:
        """`usual` is what a batch of the job's model takes, in seconds, where that is known."""
        self.system, self.job = system, job
        self.lease = Lease(holder=job.holder or "", attempt=job.attempt)
        self.stop: Stop | None = None
        self.stage = "preparing"
        self.progress = 0.0
        self.storing = False
        """What was made is being stored, which neither a deadline nor the worker's end stops."""
        self.estimate = Estimate(usual)
        """Of the batch that has its samples, or will."""
        self.on_end: Callable[[], None] = lambda: None
        """Called when there is a reason to stop, in whichever thread has found it."""
        self._drain = drain
        self._lock = Lock()
        self._seen = time.monotonic()

    @property
    def on_device(self) -> bool:
        """A batch with its samples is being made."""
        return self.estimate.runs

    def step(self) -> None:
        """Raises `Interrupted` where the work is to stop."""
        self.judge()
        if self.stop is not None:
            raise Interrupted(self.stop.value)

    def reach(self, progress: float) -> None:
        """Note the job's progress, 0..1: it never goes back."""
        self.progress = max(self.progress, min(progress, 1.0))

    def check(self) -> None:
        """As `step`, after the model's work: what is made is stored though it was to be given back.

        Where we cannot know whose the job is (this process may have been stopped for hours), the
        table is asked first: nothing is stored in vain. Raises `StaleAttempt`.
        """
        if time.monotonic() - self._seen > self.system.settings.visibility:
            asked = time.monotonic()
            self.see(self.system.table.get(JobRecord, self.job.id), asked)
        if self.stop not in (None, Stop.DRAIN, Stop.SURPLUS):
            raise Interrupted(self.stop.value)

    def see(self, job: JobRecord | None, asked: float) -> None:
        """The job as it was in the table, which was asked at that moment: is it still ours, and
        wanted? Raises `StaleAttempt`."""
        if job is None:
            raise StaleAttempt(f"job {self.job.id} is gone")
        self.lease.check(job)
        self._seen = asked
        if job.cancel_requested:
            self.end(Stop.CANCELED)

    def judge(self) -> None:
        """What there is to know without asking: the job's deadline, and the worker's."""
        if overdue(self.job, self.system.now()):
            self.end(Stop.OVERDUE)
        elif self._drain.asked and self.estimate.left() > self._drain.left:
            self.end(Stop.DRAIN)

    def end(self, stop: Stop) -> None:
        """The work is to stop, for this reason if there was none before."""
        with self._lock:
            if self.stop is not None:
                return
            self.stop = stop
        self.on_end()
