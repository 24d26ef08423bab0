"""What keeps a hold: the thread that beats, listens, and acts for a model that does not answer."""

import os
import time
from threading import Event, Lock
from types import TracebackType
from typing import NoReturn, Self

from gpu_worker.daemon import Daemon
from gpu_worker.drain import Drain
from gpu_worker.hold import Hold, Stop
from gpu_worker.pulse import Pulse
from gpu_worker.waits import before_retry
from shared import lifecycle
from shared.contract import JobError
from shared.errors import StaleAttempt
from shared.lifecycle import Transition
from shared.logs import Logger
from shared.ports import Letter, Queue
from shared.system import System

logger = Logger(service="worker")

LOOK_LEAST, LOOK_MOST = 0.1, 0.5
"""Seconds between two looks at the job: a cancel is seen within the latter."""
BEATS_MISSED = 3
"""A message is extended for so many heartbeats: others begin to watch when that many are missed."""
GRACE_SECONDS = 2.0
"""A model that is to stop may go on for so long without a step."""

DRAINED, STALLED = 0, 70
"""How the process ends where its model has to be left behind."""


class Keeper:
    """Keeps a job's message invisible and its pulse beating while its attempt runs.

    Once the work is to stop there are no more beats. A model that makes no step for too long, or
    does not come to its next one while the worker drains, cannot be stopped: its job is given back,
    and the process ends.
    """

    def __init__(
        self, system: System, hold: Hold, queue: Queue, letter: Letter, drain: Drain
    ) -> None:
        self.system, self.hold = system, hold
        self._queue, self._letter, self._drain = queue, letter, drain
        self._pulse = Pulse(system.table, hold.job.id, hold.lease)
        self._over = Event()
        self._lock = Lock()
        """Held while it acts, so that nothing is done any more when the block has ended."""
        self._beaten = self._minded = time.monotonic()

    def within(self, thread: Daemon) -> Self:
        """Begin, in that thread."""
        thread.submit(self._listen)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._over.set()

    def _listen(self) -> None:
        least = min(LOOK_LEAST, self.system.settings.heartbeat / 2)
        while not self._over.wait(least):
            try:
                self.system.table.watch(self.hold.job.id, self._until_beat())
                with self._lock:
                    self._tend()
            except Exception:  # a service that fails now may answer at the next beat
                logger.exception("a heartbeat failed", extra={"job_id": self.hold.job.id})
                self._over.wait(self.system.settings.heartbeat)
            with self._lock:
                self._mind()

    def _until_beat(self) -> float:
        left = self._beaten + self.system.settings.heartbeat - time.monotonic()
        return max(0.0, min(left, LOOK_MOST - LOOK_LEAST))

    def _tend(self) -> None:
        if self._over.is_set() or self.hold.stop:
            return
        try:
            self.hold.look()
            if time.monotonic() - self._beaten >= self.system.settings.heartbeat:
                self._beat()
        except StaleAttempt:
            self.hold.end(Stop.LOST)

    def _beat(self) -> None:
        self._beaten = time.monotonic()
        self._pulse.beat(self.hold.progress, self.hold.stage)
        chosen = self.system.settings
        self._queue.extend(self._letter, min(chosen.visibility, BEATS_MISSED * chosen.heartbeat))

    def _mind(self) -> None:
        """Count the model's silence, in ticks that this thread was awake for: a process that was
        stopped for an hour has not been silent for one."""
        now = time.monotonic()
        self.hold.silence += min(now - self._minded, 2 * LOOK_MOST)
        self._minded = now
        if self._over.is_set():
            return
        if self.hold.at_work:
            self.hold.judge()
            if self.hold.silence > self.system.settings.stall:
                self._leave_stalled()
        if self._is_late():
            self._leave_drained()

    def _is_late(self) -> bool:
        """The worker is to end, and the model makes no step that would tell it so."""
        if self._drain.left < -GRACE_SECONDS:
            return True
        given_up = self.hold.stop is Stop.DRAIN and self.hold.at_work
        return given_up and self.hold.silence > GRACE_SECONDS

    def _leave_drained(self) -> NoReturn:
        lease, now = self.hold.lease, self.system.now()
        self._leave(lambda job: lifecycle.hand_back(job, lease, now), 0.0, DRAINED)

    def _leave_stalled(self) -> NoReturn:
        lease, now, chosen = self.hold.lease, self.system.now(), self.system.settings
        wait = before_retry(self.hold.job)
        error = JobError(
            code="model_stalled",
            message=f"{self.hold.job.model} made no step for {chosen.stall:g} s",
            retryable=False,
        )
        self._leave(
            lambda job: lifecycle.retry(job, lease, error, wait, now, chosen.max_tries),
            wait,
            STALLED,
        )

    def _leave(self, transition: Transition, wait: float, status: int) -> NoReturn:
        """End the attempt from here, and the process with it. The model still runs, and what it
        makes is fenced off."""
        logger.error("a model is left behind", extra={"job_id": self.hold.job.id})
        try:
            lifecycle.apply(self.system.table, self.hold.job, transition)
            self._queue.extend(self._letter, wait)
        except StaleAttempt:
            logger.info("the job was lost meanwhile", extra={"job_id": self.hold.job.id})
        except Exception:  # whoever watches the job finds it
            logger.exception("the job could not be given back", extra={"job_id": self.hold.job.id})
        finally:
            os._exit(status)
