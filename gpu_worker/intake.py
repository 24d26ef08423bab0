"""What becomes of the messages that a worker takes: most become attempts."""

import random
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial

from pydantic import ValidationError

from gpu_worker.acknowledger import Acknowledger
from gpu_worker.claims import Claims
from gpu_worker.ending import Ending
from gpu_worker.flow import Course
from gpu_worker.hold import Hold
from gpu_worker.kept import Kept
from gpu_worker.model import Interrupted, Model
from gpu_worker.stores import Stores
from gpu_worker.together import Outcome, together
from gpu_worker.trouble import Trouble
from gpu_worker.waits import patiently
from gpu_worker.watch import Lapsed, Watch
from gpu_worker.work import Attempt
from gpu_worker.workshop import Workshop
from shared import lifecycle
from shared.contract import Status
from shared.errors import JobEnded, StaleAttempt, Unavailable
from shared.lifecycle import Lease
from shared.logs import Logger
from shared.message import JobMessage
from shared.ports import Letter, Queue
from shared.records import JobRecord

logger = Logger(service="worker")

Fresh = tuple[Course, JobRecord]
"""A message, and the job that may be begun."""
ELSEWHERE_MOST = 300.0
"""Seconds until the message of a job that this worker cannot do is seen again."""


class Intake:
    """Looks at messages, and takes the jobs that they are about, until the work on them is over."""

    def __init__(self, name: str, workshop: Workshop, watch: Watch, trouble: Trouble) -> None:
        """`name` is the holder's in what is written."""
        self.name, self.workshop, self.watch, self.trouble = name, workshop, watch, trouble
        self.system, self.drain, self.flow = workshop.system, workshop.drain, workshop.flow
        self._crew, self._claims = workshop.crew, Claims()
        self._acknowledger = Acknowledger(trouble.note)
        self._stores = Stores(workshop)
        workshop.device.on_made = self._stores.go

    def take(self, queue: Queue, letters: Sequence[Letter]) -> None:
        """Messages that came together."""
        courses = [self.flow.begin(queue, letter) for letter in letters]
        self._crew.run(partial(self._look, courses))

    def resume(self, lapsed: Lapsed) -> None:
        """A job whose holder was watched for a whole period without a sign of life."""
        job, queue, letter = lapsed
        self._crew.run(partial(self._resume, self.flow.begin(queue, letter), job))

    def wait_until_over(self) -> None:
        """Until nothing is under way, and what is done with is acknowledged."""
        self.flow.wait_until_over()
        self._acknowledger.flush()

    def _look(self, courses: Sequence[Course]) -> None:
        """Messages that came together are looked up together. The jobs that may be begun at once
        are, by one write where that is cheaper; the others go each their own way."""
        self._look_up({job: course for course in courses if (job := self._claimed(course))})

    def _look_up(self, claimed: Mapping[str, Course]) -> None:
        try:
            jobs = self.system.table.get_many(JobRecord, list(claimed))
        except Exception as error:
            if isinstance(error, Unavailable) or len(claimed) == 1:  # the messages come again
                for job_id, course in claimed.items():
                    self._end(course, job_id, error)
            else:  # one record that cannot be read says nothing about the others
                for job_id, course in claimed.items():
                    self._crew.run(partial(self._look_up, {job_id: course}))
            return
        fresh: list[Fresh] = []
        for job_id, course in claimed.items():
            job = jobs.get(job_id)
            if job is not None and self._may_begin(job):
                fresh.append((course, job))
            else:
                self._crew.run(partial(self._through, course, job_id, job))
        self._begin(fresh)

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
        """What the message is about decides what becomes of it."""
        try:
            if job is None or job.status.ended or job.status is Status.AWAITING_UPLOAD:
                self._acknowledge(course)
            elif not watched and self._is_elsewhere(job):
                self.watch.look(job, course.queue, course.letter)
            elif job.holder is None and self._model(job) is None:
                self._leave_to_others(course, job)
            elif job.lost or self._is_elsewhere(job):
                return self._take_alone(course, job)
            else:
                return self._begin([(course, job)])
        except Exception as error:  # the message comes again
            return self._end(course, job_id, error)
        return self._end(course, job_id)

    def _end(self, course: Course, job_id: str, error: Exception | None = None) -> None:
        if error:
            self.trouble.note(error)
        self._claims.give_back(job_id)
        self.flow.end(course)

    def _may_begin(self, job: JobRecord) -> bool:
        """It waits for a worker, or one of ours has ended and that could not be written."""
        waits = job.status in (Status.QUEUED, Status.RUNNING) and not job.lost
        return waits and not self._is_elsewhere(job) and self._model(job) is not None

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
                self._begin([(course, job)])
                self.flow.wait_until_ended(course)
        except Interrupted:
            course.come_again(0)
            self._end(course, job.id)

    def _begin(self, fresh: Sequence[Fresh]) -> None:
        """Start these jobs, in one commit where that is cheaper; each by itself, and waiting for no
        other, where it is not or does not work. Each course ends when its attempt is over."""
        outcomes = self._started_together(fresh)
        if outcomes:
            self._go_on(fresh, outcomes)
            return
        for one in fresh[1:]:
            self._crew.run(partial(self._begin_alone, *one))
        for one in fresh[:1]:
            self._begin_alone(*one)

    def _started_together(self, fresh: Sequence[Fresh]) -> Sequence[Outcome]:
        """Nothing, where each is to be started by itself."""
        if self.system.joint and len(fresh) > 1:
            with suppress(Exception):  # each finds out by itself whether that concerns it
                return together(self.system, [partial(self._started, job) for _, job in fresh])
        return ()

    def _begin_alone(self, course: Course, job: JobRecord) -> None:
        try:
            period = self.system.settings.visibility / 2
            outcome: Outcome = patiently(period, partial(self._started, job))
        except (JobEnded, StaleAttempt) as error:
            outcome = error
        except Exception as error:  # the message comes again
            return self._end(course, job.id, error)
        return self._go_on([(course, job)], [outcome])

    def _go_on(self, fresh: Sequence[Fresh], outcomes: Sequence[Outcome]) -> None:
        begun = [
            attempt
            for (course, job), outcome in zip(fresh, outcomes, strict=True)
            if (attempt := self._attempted(course, job.id, outcome))
        ]
        for attempt in begun[1:]:
            self._crew.run(attempt.begin)
        for attempt in begun[:1]:
            attempt.begin()

    def _started(self, job: JobRecord) -> JobRecord:
        """Repeatable by our name: a start whose answer was lost is found to be ours. An attempt
        that holds the job has lapsed, or is ours and over."""
        now, most = self.system.now(), self.system.settings.max_tries
        lapsed = job.attempt if job.holder else None
        return lifecycle.apply(
            self.system.table, job, lambda job: lifecycle.start(job, self.name, now, most, lapsed)
        )

    def _attempted(self, course: Course, job_id: str, outcome: Outcome) -> Attempt | None:
        """The attempt, where the job was started for one."""
        trouble = None
        try:
            match outcome:
                case JobEnded() | JobRecord(status=Status(ended=True)):
                    self._acknowledge(course)
                case StaleAttempt():
                    course.come_again(self.system.settings.visibility)
                case JobRecord():
                    if model := self._model(outcome):
                        return self._attempt(course, outcome, model)
                    self._hand_back(outcome)
                    self._leave_to_others(course, outcome)
        except Exception as error:  # the message comes again
            trouble = error
        self._end(course, job_id, trouble)
        return None

    def _hand_back(self, job: JobRecord) -> None:
        now, lease = self.system.now(), Lease(self.name, job.attempt)
        lifecycle.apply(self.system.table, job, lambda job: lifecycle.hand_back(job, lease, now))

    def _attempt(self, course: Course, job: JobRecord, model: Model) -> Attempt:
        logger.debug("started", extra={"job_id": job.id, "model": job.model, "try": job.tries})
        hold = Hold(self.system, job, self.drain, self.workshop.pace.usual(job.model))
        attempt = Attempt(self.workshop, model, hold, course)
        attempt.on_come = self._stores.add
        attempt.on_over = partial(
            self._finish, self.workshop.keeper.keep(hold, course.queue, course.letter)
        )
        return attempt

    def _finish(self, kept: Kept, attempt: Attempt) -> None:
        """Write how it has ended, and be done with its message."""
        ending = Ending(attempt)
        trouble: Exception | None = None
        try:
            again = ending.write()
            self.workshop.keeper.let_go(kept)
            if again is None:
                self._acknowledge(attempt.course)
            else:
                attempt.course.come_again(again)
            trouble = ending.trouble
            if not trouble:
                self.trouble.clear()
            logger.info("over", extra={"job_id": ending.job.id, "status": ending.job.status.value})
        except Exception as error:
            trouble = error
        finally:
            self.workshop.keeper.let_go(kept)
            self._end(attempt.course, ending.job.id, trouble)


def _read(letter: Letter) -> JobMessage | None:
    try:
        return JobMessage.model_validate_json(letter.body)
    except ValidationError:
        logger.warning("a message that says nothing was dropped")
        return None
