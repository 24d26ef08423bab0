"""The worker's loop: messages become attempts, as many at a time as keep the device busy."""

import os
import random
import secrets
import socket
import time
from collections.abc import Iterator
from functools import partial
from queue import SimpleQueue

from pydantic import ValidationError

from gpu_worker.acknowledger import Acknowledger
from gpu_worker.claims import Claims
from gpu_worker.crew import Crew
from gpu_worker.drain import Drain
from gpu_worker.flow import Course
from gpu_worker.hold import Hold
from gpu_worker.model import Interrupted, Model
from gpu_worker.receive import Receiver
from gpu_worker.registry import Registry
from gpu_worker.waits import patiently
from gpu_worker.watch import Watch
from gpu_worker.work import Attempt
from gpu_worker.workshop import Workshop
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
    """Takes jobs from its pool's queues and makes their artworks.

    The main thread receives and watches; each message is then looked at, and its job attempted, in
    a thread of the crew.
    """

    def __init__(self, system: System, registry: Registry, drain: Drain) -> None:
        self.system, self.registry, self.drain = system, registry, drain
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self.workshop = Workshop(system, registry, drain)
        self.receiver = Receiver(system)
        self.watch = Watch(system)
        self._flow = self.workshop.flow
        self._crew, self._claims = Crew("attempt"), Claims()
        self._trouble: SimpleQueue[Exception] = SimpleQueue()
        self._acknowledger = Acknowledger(self._trouble.put)
        self._rest = 0.0

    def run(self) -> None:
        """Work until drained."""
        logger.info("ready", extra={"worker": self.name})
        while not self.drain.asked:
            self._turn(self._flow.room())
        self._flow.wait_until_over()
        self._acknowledger.flush()
        try:
            self.watch.leave()
        except Unavailable:  # then those messages come by themselves
            logger.warning("watched jobs could not be left to others")
        logger.info("drained", extra={"worker": self.name})

    def once(self) -> bool:
        """Look at one message, or wait a moment for one, and work until nothing is under way. Says
        whether there was any."""
        found = self._turn(1)
        self._flow.wait_until_over()
        self._acknowledger.flush()
        self._settle()
        return found

    def _turn(self, room: int) -> bool:
        """Take up to so many messages, if any come. Says whether any did."""
        self._settle()
        try:
            return self._next(room)
        except Exception as error:  # the messages come again
            self._trouble.put(error)
            self._settle()
            return True

    def _settle(self) -> None:
        """Rest, where something has failed since the last time."""
        failed = list(_drained(self._trouble))
        if not failed:
            return
        self._rest = decorrelated(self._rest, REST_LEAST, REST_MOST)
        for error in failed:
            known = isinstance(error, Unavailable)
            logger.warning("trouble", extra={"rest": self._rest}, exc_info=None if known else error)
        self.drain.wait(self._rest)

    def _next(self, room: int) -> bool:
        lapsed = self.watch.due()
        if lapsed:
            job, queue, letter = lapsed
            self._begin(queue, letter, job)
            return True
        if not room:
            self._flow.wait_for_room()
            return False
        queue, letters = self.receiver.next(room)
        for letter in letters:
            self._begin(queue, letter)
        if not letters:
            self._rest = 0.0
        return bool(letters)

    def _begin(self, queue: Queue, letter: Letter, lapsed: JobRecord | None = None) -> None:
        course = self._flow.begin(queue, letter)
        self._crew.submit(partial(self._through, course, lapsed))

    def _through(self, course: Course, lapsed: JobRecord | None) -> None:
        try:
            self._look(course, lapsed)
        except Exception as error:  # the message comes again
            self._trouble.put(error)
        finally:
            self._flow.end(course)

    def _look(self, course: Course, lapsed: JobRecord | None) -> None:
        """A message about a job that is under way here is looked at again when that is over."""
        message = _read(course.letter)
        if message is None:
            self._acknowledge(course)
        elif self.drain.asked:
            course.come_again(0)
        elif not self._claims.take(message.job):
            course.come_again(self.system.settings.visibility)
        else:
            try:
                job = lapsed or self.system.table.get(JobRecord, message.job)
                self._consider(course, job, watched=lapsed is not None)
            finally:
                self._claims.give_back(message.job)

    def _consider(self, course: Course, job: JobRecord | None, watched: bool) -> None:
        """What the message is about decides what becomes of it."""
        if job is None or job.status.ended or job.status is Status.AWAITING_UPLOAD:
            self._acknowledge(course)
        elif not watched and self._is_elsewhere(job):
            self.watch.look(job, course.queue, course.letter)
        elif job.holder is None and self._model(job) is None:
            self._leave_to_others(course, job)
        elif job.lost or self._is_elsewhere(job):
            self._take_alone(course, job)
        else:  # one that is ours has ended, and that could not be written
            self._take(course, job)

    def _is_elsewhere(self, job: JobRecord) -> bool:
        return job.holder not in (None, self.name)

    def _model(self, job: JobRecord) -> Model | None:
        return self.registry.find(job.model, job.model_version)

    def _acknowledge(self, course: Course) -> None:
        self._acknowledger.delete(course.queue, course.letter)

    def _leave_to_others(self, course: Course, job: JobRecord) -> None:
        """Later and later: a fleet that has no such model is not to spin, nor to wear out the
        message, which is a dead letter after so many receives."""
        logger.warning("no such model here", extra={"job_id": job.id, "model": job.model})
        least = self.system.settings.visibility
        receives = min(course.letter.receives, 16)
        most = max(least, min(ELSEWHERE_MOST, least * 2.0**receives))
        course.come_again(random.uniform(least, most))  # noqa: S311

    def _take_alone(self, course: Course, job: JobRecord) -> None:
        """Its last attempt ended without a verdict: if it kills its worker, then no other's job.
        Nor does another's kill it while it waits: it is not begun yet."""
        period = self.system.settings.visibility
        extended = time.monotonic()

        def check() -> None:
            nonlocal extended
            if self.drain.asked:
                raise Interrupted
            if time.monotonic() - extended > period / 3:
                extended = time.monotonic()
                course.come_again(period)

        try:
            with self._flow.alone(course, check):
                self._take(course, job)
        except Interrupted:
            course.come_again(0)

    def _take(self, course: Course, job: JobRecord) -> None:
        try:
            started = self._start(job)
        except JobEnded:
            self._acknowledge(course)
            return
        except StaleAttempt:
            course.come_again(self.system.settings.visibility)
            return
        model = self._model(started)
        if started.status.ended:
            self._acknowledge(course)
        elif model is None:
            self._hand_back(started)
            self._leave_to_others(course, started)
        else:
            self._attempt(course, started, model)

    def _start(self, job: JobRecord) -> JobRecord:
        """Repeatable by our name: a start whose answer was lost is found to be ours. An attempt
        that holds the job has lapsed, or is ours and over."""
        now, chosen = self.system.now(), self.system.settings
        lapsed = job.attempt if job.holder else None
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

    def _attempt(self, course: Course, job: JobRecord, model: Model) -> None:
        logger.debug("started", extra={"job_id": job.id, "model": job.model, "try": job.tries})
        hold = Hold(self.system, job, self.drain, self.workshop.pace.usual(job.model))
        attempt = Attempt(self.workshop, model, hold, course)
        with self.workshop.keeper.keeping(hold, course.queue, course.letter):
            again = attempt.run()
        logger.info("over", extra={"job_id": job.id, "status": attempt.job.status.value})
        if again is None:
            self._acknowledge(course)
        else:
            course.come_again(again)
        if attempt.trouble:
            raise attempt.trouble
        self._rest = 0.0


def _read(letter: Letter) -> JobMessage | None:
    try:
        return JobMessage.model_validate_json(letter.body)
    except ValidationError:
        logger.warning("a message that says nothing was dropped")
        return None


def _drained(queue: SimpleQueue[Exception]) -> Iterator[Exception]:
    while not queue.empty():
        yield queue.get()
