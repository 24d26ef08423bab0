"""The worker's loop: one message after the other, until it is asked to end."""

import os
import secrets
import socket
import time

from aws_lambda_powertools import Logger
from pydantic import ValidationError

from gpu_worker.drain import Drain
from gpu_worker.hold import Hold, Watch
from gpu_worker.model import Model
from gpu_worker.receive import Receiver
from gpu_worker.registry import Registry
from gpu_worker.work import Attempt
from shared import lifecycle
from shared.contract import Status
from shared.errors import JobEnded, StaleAttempt
from shared.message import JobMessage
from shared.ports import Letter, Queue
from shared.records import JobRecord
from shared.system import System

logger = Logger(service="worker")

PAUSE_SECONDS = 1.0
"""After a service has failed."""


class Worker:
    """Takes jobs from its pool's queues and makes their artworks."""

    def __init__(self, system: System, registry: Registry, drain: Drain) -> None:
        self.system, self.registry, self.drain = system, registry, drain
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self.receiver = Receiver(system)
        self.watch = Watch(system)

    def run(self) -> None:
        """Work until drained."""
        logger.info("ready", extra={"worker": self.name})
        while not self.drain.asked:
            self.once()
        logger.info("drained", extra={"worker": self.name})

    def once(self) -> bool:
        """Look at one message, or wait a moment for one. Says whether there was any."""
        try:
            lapsed = self.watch.due()
            if lapsed:
                job, queue, letter = lapsed
                self._take(job, queue, letter, lapsed=job.attempt)
                return True
            received = self.receiver.next()
            if received:
                self._look(*received)
            return received is not None
        except Exception:  # the services may fail; the message comes again
            logger.exception("a message could not be looked at")
            time.sleep(PAUSE_SECONDS)
            return True

    def _look(self, queue: Queue, letter: Letter) -> None:
        """What the message is about decides what becomes of it."""
        job = self._job(letter)
        if job is None or job.status.ended or job.status is Status.AWAITING_UPLOAD:
            queue.delete(letter)
        elif self._model(job) is None:
            logger.warning("no such model here", extra={"job_id": job.id, "model": job.model})
            queue.extend(letter, self.system.settings.visibility)
        elif job.holder not in (None, self.name):
            self.watch.look(job, queue, letter)
        else:
            self._take(job, queue, letter)

    def _job(self, letter: Letter) -> JobRecord | None:
        try:
            message = JobMessage.model_validate_json(letter.body)
        except ValidationError:
            logger.warning("a message that says nothing was dropped")
            return None
        return self.system.table.get(JobRecord, message.job)

    def _model(self, job: JobRecord) -> Model | None:
        return self.registry.find(job.model, job.model_version)

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
        if started.status.ended or model is None:
            queue.delete(letter)
            return
        self._attempt(started, model, queue, letter)

    def _start(self, job: JobRecord, lapsed: int | None) -> JobRecord:
        now, most = self.system.now(), self.system.settings.max_tries
        return lifecycle.apply(
            self.system.table,
            job,
            lambda job: lifecycle.start(job, self.name, now, most, lapsed),
        )

    def _attempt(self, job: JobRecord, model: Model, queue: Queue, letter: Letter) -> None:
        logger.info("started", extra={"job_id": job.id, "model": job.model, "try": job.tries})
        with Hold(self.system, job, queue, letter, self.drain) as hold:
            attempt = Attempt(self.system, self.registry, job, model, hold)
            again = attempt.run()
        logger.info("over", extra={"job_id": job.id, "status": attempt.job.status.value})
        if again is None:
            queue.delete(letter)
        else:
            queue.extend(letter, again)
