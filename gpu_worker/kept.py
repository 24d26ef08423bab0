"""One hold that is kept: its message, its pulse, and when something is to be done for it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition

from gpu_worker.hold import Hold, Stop
from gpu_worker.pulse import Pulse
from shared import lifecycle
from shared.errors import StaleAttempt
from shared.lifecycle import Transition
from shared.logs import Logger
from shared.ports import Letter, Queue
from shared.records import JobRecord
from shared.system import System

logger = Logger(service="worker")

LOOK_SECONDS = 0.5
"""Between two looks at a job that the device works on: so soon a cancel is seen."""
IDLE_LOOK_SECONDS = 1.5
"""At one that waits, or is stored: nothing is wasted on it meanwhile."""
QUIET_BEATS = 4
"""Within a visibility period, where a pulse has nothing new to tell: after as many others begin to
think that we are dead."""
BEATS_MISSED = 3
"""The message of a job that has been on the device for as long is extended for so many heartbeats:
others begin to watch when that many are missed. Before, it is for half a visibility period."""
UNDER_WAY = float("inf")


class Kept:
    """One hold, its message and its pulse.

    What is done for it again and again is due where 1 or more of the time in between has passed.
    """

    def __init__(self, system: System, hold: Hold, queue: Queue, letter: Letter) -> None:
        self.hold, self.queue, self.letter = hold, queue, letter
        self.looked = self.beaten = self.extended = time.monotonic()
        """When that was last begun, or `UNDER_WAY`."""
        self._system = system
        self._pulse = Pulse(system.table, hold.job.id, hold.lease)
        self._told: tuple[float, str] | None = (hold.progress, hold.stage)
        """What its pulse has told; None where that failed."""
        self._over = False
        self._at_work = 0
        """Threads that do something for it."""
        self._changed = Condition()

    @contextmanager
    def at_work(self) -> Iterator[bool]:
        """Something is done for it in this block, if it is not over."""
        with self._changed:
            going_on = not self._over
            self._at_work += going_on
        try:
            yield going_on
        finally:
            with self._changed:
                self._at_work -= going_on
                self._changed.notify_all()

    def end(self) -> bool:
        """Nothing is done for it any more when this returns. Says whether that is new."""
        with self._changed:
            new, self._over = not self._over, True
            self._changed.wait_for(lambda: not self._at_work)
            return new

    def look_due(self, now: float) -> float:
        every = LOOK_SECONDS if self.hold.on_device else IDLE_LOOK_SECONDS
        return (now - self.looked) / every

    def beat_due(self, now: float) -> float:
        """What is new is told at the next heartbeat, and what failed is tried again then."""
        chosen = self._system.settings
        soon = self._told is None or self._has_news()
        every = 0.0 if soon else chosen.visibility / QUIET_BEATS
        return (now - self.beaten) / max(chosen.heartbeat, every)

    def extension_due(self, now: float) -> float:
        return (now - self.extended) / self._renewed_after()

    def held_for(self) -> float:
        """Seconds for which its message is kept from others."""
        least, visibility = self._few_beats(), self._system.settings.visibility
        long_at_it = self.hold.estimate.elapsed > least
        return min(least if long_at_it else max(least, visibility / 2), visibility)

    def was_extended(self, at: float, failed: bool) -> None:
        """Where it failed, it is due again after a heartbeat."""
        again = self._renewed_after() - self._system.settings.heartbeat
        self.extended = at - again if failed else at

    def see(self, job: JobRecord | None, asked: float) -> None:
        """The job as it was in the table, which was asked at that moment."""
        try:
            self.hold.see(job, asked)
        except StaleAttempt:
            self.hold.end(Stop.LOST)

    def beat(self) -> None:
        """A sign of life; where a service fails it now, it may take the next one."""
        told, begun = (self.hold.progress, self.hold.stage), time.monotonic()
        self._told = None
        try:
            with self.at_work() as going_on:
                if going_on:
                    self._pulse.beat(*told)
                    self._told = told
        except StaleAttempt:
            self.hold.end(Stop.LOST)
        except Exception:
            logger.exception("a heartbeat failed", extra={"job_id": self.hold.job.id})
        self.beaten = begun

    def give_back(self, transition: Transition, wait: float) -> None:
        """End the attempt from here: its own thread does not answer, or has no time left."""
        with self._changed:
            if not self.end():
                return
            try:
                lifecycle.apply(self._system.table, self.hold.job, transition)
                self.queue.extend(self.letter, wait)
            except StaleAttempt:
                logger.info("the job was lost meanwhile", extra={"job_id": self.hold.job.id})
            except Exception:  # whoever watches the job finds it
                logger.exception("a job could not be given back")

    def _has_news(self) -> bool:
        """Not where all is over in a moment: what is stored, and a batch that has just begun."""
        hold = self.hold
        begun = hold.on_device and not hold.progress and hold.estimate.elapsed < self._few_beats()
        return not (hold.storing or begun) and self._told != (hold.progress, hold.stage)

    def _few_beats(self) -> float:
        return BEATS_MISSED * self._system.settings.heartbeat

    def _renewed_after(self) -> float:
        """Half of the time is left for what fails."""
        return max(self._system.settings.heartbeat, self.held_for() / 2)
