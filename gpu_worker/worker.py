"""The worker's loop: one message after the other, until it is asked to end."""

import os
import random
import secrets
import socket

from pydantic import ValidationError

from gpu_worker.daemon import Daemon
from gpu_worker.drain import Drain
from gpu_worker.estimate import Usual
from gpu_worker.hold import Hold
from gpu_worker.keeper import Keeper
from gpu_worker.model import Model
from gpu_worker.receive import Receiver
from gpu_worker.registry import Registry
from gpu_worker.waits import patiently
from gpu_worker.watch import Watch
from gpu_worker.work import Attempt
from shared import lifecycle
from shared.backoff import decorrelated
from shared.contract import Status
from shared.errors import JobEnded, StaleAttempt, Unavailable
from shared.lifecycle import Lease
from shared.logs import Logger
from shared.message import JobMessage
from shared.ports import Letter, Queue
from shared.records import JobRecord
from shared.system import System

logger = Logger(service="worker")

REST_LEAST, REST_MOST = 0.25, 30.0
"""Seconds of rest after a service has failed, the longer the more often in a row."""
ELSEWHERE_MOST = 300.0
"""Seconds until the message of a job that this worker cannot do is seen again."""


class Worker:
    """Takes jobs from its pool's queues and makes their artworks."""

    def __init__(self, system: System, registry: Registry, drain: Drain) -> None:
        self.system, self.registry, self.drain = system, registry, drain
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self.receiver = Receiver(system)
        self.watch = Watch(system)
        self._usual = Usual()
        self._keeping, self._aside = Daemon("keeper"), Daemon("aside")
        self._rest = 0.0

    def run(self) -> None:
        """Work until drained."""
        logger.info("ready", extra={"worker": self.name})
        while not self.drain.asked:
            self.once()
        try:
            self.watch.leave()
        except Unavailable:  # then those messages come by themselves
            logger.warning("watched jobs could not be left to others")
        logger.info("drained", extra={"worker": self.name})

    def once(self) -> bool:
        """Look at one message, or wait a moment for one. Says whether there was any."""
        try:
            found = self._next()
        except Exception as error:  # the message comes again
            self._rest = decorrelated(self._rest, REST_LEAST, REST_MOST)
            known = isinstance(error, Unavailable)
            logger.warning("trouble", extra={"rest": self._rest}, exc_info=None if known else error)
            self.drain.wait(self._rest)
            return True
        self._rest = 0.0
        return found

    def _next(self) -> bool:
        lapsed = self.watch.due()
        if lapsed:
            job, queue, letter = lapsed
            self._take(job, queue, letter, lapsed=job.attempt)
            return True
        received = self.receiver.next()
        if received is None:
            return False
        queue, letter = received
        if self.drain.asked:  # while we waited
            queue.extend(letter, 0)
        else:
            self._look(queue, letter)
        return True

    def _look(self, queue: Queue, letter: Letter) -> None:
        """What the message is about decides what becomes of it."""
        job = self._job(letter)
        if job is None or job.status.ended or job.status is Status.AWAITING_UPLOAD:
            queue.delete(letter)
        elif job.holder not in (None, self.name):
            self.watch.look(job, queue, letter)
        elif job.holder is None and self._model(job) is None:
            self._leave_to_others(job, queue, letter)
        else:  # one that is ours has ended, and that could not be written
            self._take(job, queue, letter, lapsed=job.attempt if job.holder else None)

    def _job(self, letter: Letter) -> JobRecord | None:
        try:
            message = JobMessage.model_validate_json(letter.body)
        except ValidationError:
            logger.warning("a message that says nothing was dropped")
            return None
        return self.system.table.get(JobRecord, message.job)

    def _model(self, job: JobRecord) -> Model | None:
        return self.registry.find(job.model, job.model_version)

    def _leave_to_others(self, job: JobRecord, queue: Queue, letter: Letter) -> None:
        """Later and later: a fleet that has no such model is not to spin, nor to wear out the
        message, which is a dead letter after so many receives."""
        logger.warning("no such model here", extra={"job_id": job.id, "model": job.model})
        least = self.system.settings.visibility
        most = max(least, min(ELSEWHERE_MOST, least * 2.0 ** min(letter.receives, 16)))
        queue.extend(letter, random.uniform(least, most))  # noqa: S311

    def _take(
        self, job: JobRecord, queue: Queue, letter: Letter, lapsed: int | None = None
    ) -> None:
        try:
            started = self._start(job, lapsed)
        except JobEnded:
            queue.delete(letter)
            return
        except StaleAttempt:
            queue.extend(letter, self.system.settings.visibility)
            return
        model = self._model(started)
        if started.status.ended:
            queue.delete(letter)
        elif model is None:
            self._hand_back(started)
            self._leave_to_others(started, queue, letter)
        else:
            self._attempt(started, model, queue, letter)

    def _start(self, job: JobRecord, lapsed: int | None) -> JobRecord:
        """Repeatable by our name: a start whose answer was lost is found to be ours."""
        now, chosen = self.system.now(), self.system.settings
        return patiently(
            chosen.visibility / 2,
            lambda: lifecycle.apply(
                self.system.table,
                job,
                lambda job: lifecycle.start(job, self.name, now, chosen.max_tries, lapsed),
            ),
        )

    def _hand_back(self, job: JobRecord) -> None:
        now, lease = self.system.now(), Lease(self.name, job.attempt)
        lifecycle.apply(self.system.table, job, lambda job: lifecycle.hand_back(job, lease, now))

    def _attempt(self, job: JobRecord, model: Model, queue: Queue, letter: Letter) -> None:
        logger.info("started", extra={"job_id": job.id, "model": job.model, "try": job.tries})
        hold = Hold(self.system, job, self.drain, self._usual)
        keeper = Keeper(self.system, hold, queue, letter, self.drain)
        with keeper.within(self._keeping):
            attempt = Attempt(self.system, self.registry, model, hold, self._aside)
            again = attempt.run()
        logger.info("over", extra={"job_id": job.id, "status": attempt.job.status.value})
        if again is None:
            queue.delete(letter)
        else:
            queue.extend(letter, again)
        if attempt.trouble:
            raise attempt.trouble
