"""Holding a job while it is worked on: signs of life, and the ear for what ends the work early."""

import time
from enum import Enum
from threading import Event, Thread
from types import TracebackType
from typing import Self

from aws_lambda_powertools import Logger

from gpu_worker.drain import Drain
from gpu_worker.model import Interrupted
from shared.errors import StaleAttempt, WriteConflict
from shared.lifecycle import Lease, overdue
from shared.ports import Letter, Queue
from shared.records import JobRecord, PulseRecord
from shared.system import System

logger = Logger(service="worker")


class Stop(Enum):
    """Why the work on a job is given up."""

    LOST = "another attempt holds the job, or it has ended"
    CANCELED = "its owner canceled it"
    OVERDUE = "its deadline has passed"
    DRAIN = "the worker's time is up"


class Hold:
    """Keeps a job's message invisible and its pulse beating, in a thread of its own.

    It asks the table, at every beat, whether the job is still ours and still wanted. When it is
    not, the beats stop and the next `step` raises `Interrupted`.
    """

    def __init__(
        self, system: System, job: JobRecord, queue: Queue, letter: Letter, drain: Drain
    ) -> None:
        self.system = system
        self.job_id = job.id
        self.lease = Lease(holder=job.holder or "", attempt=job.attempt)
        self.stop: Stop | None = None
        self.stage = "preparing"
        self.progress = 0.0
        self._queue, self._letter, self._drain = queue, letter, drain
        self._pulse: PulseRecord | None = None
        self._over = Event()
        self._thread = Thread(target=self._beat_on, name=f"pulse-{job.id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def step(self, progress: float | None = None) -> None:
        """Note the job's progress, 0..1. Raises `Interrupted` where the work is to stop."""
        if progress is not None:
            self.progress = max(self.progress, min(progress, 1.0))
        if self.stop is None and self._drain.over:
            self.stop = Stop.DRAIN
        if self.stop is not None:
            raise Interrupted(self.stop.value)

    def _beat_on(self) -> None:
        while not self._over.wait(self.system.settings.heartbeat):
            try:
                self._beat()
            except (StaleAttempt, WriteConflict):
                self.stop = Stop.LOST
            except Exception:  # a service that fails now may answer at the next beat
                logger.exception("a heartbeat failed", extra={"job_id": self.job_id})
            if self.stop is not None:
                return

    def _beat(self) -> None:
        job = self.system.table.get(JobRecord, self.job_id)
        if job is None:
            raise StaleAttempt(f"job {self.job_id} is gone")
        self.lease.check(job)
        self._queue.extend(self._letter, self.system.settings.visibility)
        self._write_pulse()
        if job.cancel_requested:
            self.stop = Stop.CANCELED
        elif overdue(job, self.system.now()):
            self.stop = Stop.OVERDUE

    def _write_pulse(self) -> None:
        table = self.system.table
        last = self._pulse or table.get(PulseRecord, self.job_id)
        if last is not None and last.attempt > self.lease.attempt:
            raise StaleAttempt(f"attempt {last.attempt} is alive")
        beat = PulseRecord(
            version=last.version if last else 0,
            job=self.job_id,
            attempt=self.lease.attempt,
            beat=last.beat + 1 if last else 1,
            progress=max(self.progress, last.progress if last else 0.0),
            stage=self.stage,
        )
        self._pulse = table.put(beat)


class Watch:
    """Watching jobs that others hold: is there a sign of life within one visibility period?

    Only our own monotonic clock is trusted, never the comparison of two wall clocks.
    """

    def __init__(self, system: System) -> None:
        self.system = system
        self._seen: dict[str, tuple[int, int, float, Queue, Letter]] = {}

    def look(self, job: JobRecord, queue: Queue, letter: Letter) -> None:
        """Begin to watch the holder of this job, and keep its message to ourselves meanwhile."""
        queue.extend(letter, 2 * self.system.settings.visibility)
        self._seen[job.id] = (job.attempt, self._beat(job), time.monotonic(), queue, letter)

    def due(self) -> tuple[JobRecord, Queue, Letter] | None:
        """A job whose holder gave no sign for one period; those that did are let alone."""
        for job_id, (attempt, beat, since, queue, letter) in list(self._seen.items()):
            if time.monotonic() - since < self.system.settings.visibility:
                continue
            del self._seen[job_id]
            job = self.system.table.get(JobRecord, job_id)
            if job and (job.attempt, self._beat(job)) == (attempt, beat):
                return job, queue, letter
            queue.extend(letter, self.system.settings.visibility if job else 0)
        return None

    def _beat(self, job: JobRecord) -> int:
        pulse = self.system.table.get(PulseRecord, job.id)
        return pulse.beat if pulse else 0
