"""Watching jobs that others hold: is there a sign of life within one visibility period?

Only our own monotonic clock is trusted, never the comparison of two wall clocks.
"""

import time
from dataclasses import dataclass, field
from threading import Lock

from shared.ports import Letter, Queue
from shared.records import JobRecord, PulseRecord
from shared.system import System

LOOKS = 3
"""Looks within a visibility period: so much later at most it is seen that a job is free."""

Sign = tuple[int, int, int]
"""The attempt that holds the job, and the attempt and the count of the last beat."""
Lapsed = tuple[JobRecord, Queue, Letter]


@dataclass
class Sighting:
    """The last sign of life of one job's holder, and the message that we keep meanwhile."""

    sign: Sign
    queue: Queue
    letter: Letter
    since: float = field(default_factory=time.monotonic)
    """When we saw it first: after it was read, so that it is never taken for older."""
    looked: float = field(default_factory=time.monotonic)


class Watch:
    """The jobs that this worker watches: any thread may begin to, one looks after them."""

    def __init__(self, system: System) -> None:
        self.system = system
        self._seen: dict[str, Sighting] = {}
        self._lock = Lock()

    def look(self, job: JobRecord, queue: Queue, letter: Letter) -> None:
        """Begin to watch the holder of this job, and keep its message to ourselves meanwhile.

        A duplicate of the message changes nothing about what we have seen.
        """
        sign = self._sign(job)
        with self._lock:
            known = self._seen.get(job.id)
            if known and known.sign == sign:
                known.queue, known.letter = queue, letter
            else:
                self._seen[job.id] = Sighting(sign, queue, letter)
        self._keep(queue, letter)

    def due(self) -> Lapsed | None:
        """A job whose holder gave no sign for one period, if there is one."""
        period = self.system.settings.visibility
        with self._lock:
            known = list(self._seen.items())
        for job_id, seen in known:
            if time.monotonic() - seen.looked >= period / LOOKS:
                lapsed = self._look_again(job_id, seen)
                if lapsed:
                    return lapsed
        return None

    def leave(self) -> None:
        """Somebody else may watch."""
        while self._seen:
            _, seen = self._seen.popitem()
            seen.queue.extend(seen.letter, 0)

    def _look_again(self, job_id: str, seen: Sighting) -> Lapsed | None:
        now = seen.looked = time.monotonic()
        job = self.system.table.get(JobRecord, job_id)
        if job is None or job.holder is None:
            self._let_go(job_id, seen)
            return None
        sign = self._sign(job)
        if sign != seen.sign:
            seen.sign, seen.since = sign, time.monotonic()
            self._keep(seen.queue, seen.letter)
        elif now - seen.since >= self.system.settings.visibility:
            self._seen.pop(job_id, None)
            return job, seen.queue, seen.letter
        return None

    def _let_go(self, job_id: str, seen: Sighting) -> None:
        """The job is free, or has ended: its message says what is to be done."""
        self._seen.pop(job_id, None)
        seen.queue.extend(seen.letter, 0)

    def _keep(self, queue: Queue, letter: Letter) -> None:
        queue.extend(letter, 2 * self.system.settings.visibility)

    def _sign(self, job: JobRecord) -> Sign:
        pulse = self.system.table.get(PulseRecord, job.id)
        return (job.attempt, pulse.attempt, pulse.beat) if pulse else (job.attempt, 0, 0)
