"""What becomes of the messages that a worker takes: most become attempts."""

import random
import time
from collections.abc import Sequence
from functools import partial

from pydantic import ValidationError

from gpu_worker.acknowledger import Acknowledger
from gpu_worker.claims import Claims
from gpu_worker.crew import Crew
from gpu_worker.flow import Course
from gpu_worker.hold import Hold
from gpu_worker.model import Interrupted, Model
from gpu_worker.trouble import Trouble
from gpu_worker.waits import patiently
from gpu_worker.watch import Lapsed, Watch
from gpu_worker.work import Attempt
from gpu_worker.workshop import Workshop
from shared import lifecycle
from shared.contract import Status
from shared.errors import JobEnded, StaleAttempt
from shared.lifecycle import Lease
from shared.logs import Logger
from shared.message import JobMessage
from shared.ports import Letter, Queue
from shared.records import JobRecord

logger = Logger(service="worker")

ELSEWHERE_MOST = 300.0
"""Seconds until the message of a job that this worker cannot do is seen again."""


class Intake:
    """Looks at messages, and goes after each in a thread of its own until its work is over."""

    def __init__(self, name: str, workshop: Workshop, watch: Watch, trouble: Trouble) -> None:
        """`name` is the holder's in what is written."""
        self.name, self.workshop, self.watch, self.trouble = name, workshop, watch, trouble
        self.system, self.drain, self.flow = workshop.system, workshop.drain, workshop.flow
        self._crew, self._claims = Crew("attempt"), Claims()
        self._acknowledger = Acknowledger(trouble.note)

    def take(self, queue: Queue, letters: Sequence[Letter]) -> None:
        """Messages that came together."""
        courses = [self.flow.begin(queue, letter) for letter in letters]
        self._crew.submit(partial(self._look, courses))

    def resume(self, lapsed: Lapsed) -> None:
        """A job whose holder was watched for a whole period without a sign of life."""
        job, queue, letter = lapsed
        self._crew.submit(partial(self._resume, self.flow.begin(queue, letter), job))

    def wait_until_over(self) -> None:
        """Until nothing is under way, and what is done with is acknowledged."""
        self.flow.wait_until_over()
        self._acknowledger.flush()

    def _look(self, courses: Sequence[Course]) -> None:
        """Messages that came together are looked up together; then each goes its own way."""
        claimed = {job_id: course for course in courses if (job_id := self._claimed(course))}
        try:
            jobs = self.system.table.get_many(JobRecord, list(claimed))
        except Exception as error:  # the messages come again
            self.trouble.note(error)
            for job_id, course in claimed.items():
                self._end(course, job_id)
            return
        ways = [
            partial(self._through, course, job_id, jobs.get(job_id))
            for job_id, course in claimed.items()
        ]
        for way in ways[1:]:
            self._crew.submit(way)
        if ways:
            ways[0]()

    def _resume(self, course: Course, job: JobRecord) -> None:
        if self._claimed(course):
            self._through(course, job.id, job, watched=True)

    def _claimed(self, course: Course) -> str | None:
        """The job that a message is about, where it is ours to look at now."""
        job_id = None
        try:
            job_id = self._claim(course)
        except Exception as error:  # the message comes again
            self.trouble.note(error)
        if job_id is None:
            self.flow.end(course)
        return job_id

    def _claim(self, course: Course) -> str | None:
        """A message about a job that is under way here is looked at again when that is over."""
        message = _read(course.letter)
        if message is None:
            self._acknowledge(course)
        elif self.drain.asked:
            course.come_again(0)
        elif not self._claims.take(message.job):
            course.come_again(self.system.settings.visibility)
        else:
            return message.job
        return None

    def _through(
        self, course: Course, job_id: str, job: JobRecord | None, watched: bool = False
    ) -> None:
        try:
            self._consider(course, job, watched)
        except Exception as error:  # the message comes again
            self.trouble.note(error)
        finally:
            self._end(course, job_id)

    def _end(self, course: Course, job_id: str) -> None:
        self._claims.give_back(job_id)
        self.flow.end(course)

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
        return self.workshop.registry.find(job.model, job.model_version)

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
            with self.flow.alone(course, check):
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
        self.trouble.clear()


def _read(letter: Letter) -> JobMessage | None:
    try:
        return JobMessage.model_validate_json(letter.body)
    except ValidationError:
        logger.warning("a message that says nothing was dropped")
        return None
