"""What keeps the worker's holds: the thread that beats, listens, and acts for a model that does not
answer."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Event, Lock, Thread
from typing import NoReturn

from gpu_worker.crew import Crew
from gpu_worker.drain import Drain
from gpu_worker.hold import Hold
from gpu_worker.kept import Kept
from gpu_worker.rounds import Rounds
from gpu_worker.waits import before_retry
from shared import lifecycle
from shared.contract import JobError
from shared.lifecycle import Transition
from shared.logs import Logger
from shared.ports import Letter, Queue
from shared.system import System

logger = Logger(service="worker")

NAME = "keeper"
TICK_SECONDS = 0.1
MOST_AWAKE_SECONDS = 0.8
"""Between two ticks: what is more was spent asleep."""
GRACE_SECONDS = 2.0
"""What could not be handed back by its own attempt is, so long after the time was up."""
LEAVING_SECONDS = 10.0
"""For giving everything back where the process is to end."""

DRAINED, STALLED = 0, 70
"""How the process ends where a model has to be left behind."""


@dataclass(eq=False)
class Spell:
    """A stretch of time in which a model has the word."""

    holds: Sequence[Hold]
    silence: float = 0.0
    """Seconds since its last step, in ticks of the keeper."""


class Keeper:
    """Keeps the messages of all holds invisible and their pulses beating.

    A model that makes no step for too long cannot be stopped, nor can what is not done when the
    drain's time is up: what the worker holds is given back, and the process ends.
    """

    def __init__(self, system: System, drain: Drain) -> None:
        self.system = system
        self.on_tick: Callable[[], None] = lambda: None
        self._drain = drain
        self._crew = Crew(NAME)
        self._rounds = Rounds(system, self._crew)
        self._kept: set[Kept] = set()
        self._spells: set[Spell] = set()
        self._some = Event()
        self._lock = Lock()
        self._minded = time.monotonic()
        Thread(target=self._run, name=NAME, daemon=True).start()

    def keep(self, hold: Hold, queue: Queue, letter: Letter) -> Kept:
        """Keep it from now on."""
        kept = Kept(self.system, hold, queue, letter)
        with self._lock:
            self._kept.add(kept)
            self._some.set()
        return kept

    def let_go(self, kept: Kept) -> None:
        """Nothing is done for it any more when this returns."""
        with self._lock:
            self._kept.discard(kept)
        kept.end()

    @contextmanager
    def spell(self, holds: Sequence[Hold], stage: str) -> Iterator[Spell]:
        """A model has the word in this block, and works for these holds."""
        spell = Spell(holds)
        for hold in holds:
            hold.stage = stage
        with self._lock:
            self._spells.add(spell)
        try:
            yield spell
        finally:
            self.drop(spell)

    def drop(self, spell: Spell) -> None:
        """Nobody waits for what the model does with the word."""
        with self._lock:
            self._spells.discard(spell)

    def _run(self) -> None:
        tick = min(TICK_SECONDS, self.system.settings.heartbeat / 2)
        while True:
            self._wait(tick)
            try:
                self._look_after_all()
            except Exception:  # without this thread every job would be lost
                logger.exception("the keeper stumbled")

    def _look_after_all(self) -> None:
        with self._lock:
            kept, spells = list(self._kept), list(self._spells)
        self._rounds.begin(kept)
        self._judge(kept)
        self._mind(kept, spells)

    def _wait(self, tick: float) -> None:
        """A tick, or as long as there is nothing to keep."""
        with self._lock:
            if not self._kept:
                self._some.clear()
        if not self._some.is_set():
            self._some.wait()
            self._minded = time.monotonic()
        time.sleep(tick)

    def _judge(self, kept: Sequence[Kept]) -> None:
        for one in kept:
            if not one.hold.storing:
                one.hold.judge()
        self.on_tick()

    def _mind(self, kept: Sequence[Kept], spells: Sequence[Spell]) -> None:
        """Count the models' silence, in ticks that this thread was awake for: a process that was
        stopped for an hour has not been silent for one."""
        now = time.monotonic()
        passed = min(now - self._minded, MOST_AWAKE_SECONDS)
        self._minded = now
        for spell in spells:
            spell.silence += passed
            if spell.silence > self.system.settings.stall:
                self._leave_stalled(kept, spell)
        if self._drain.left < -GRACE_SECONDS:
            self._leave(kept, DRAINED)

    def _leave_stalled(self, kept: Sequence[Kept], spell: Spell) -> NoReturn:
        chosen, now = self.system.settings, self.system.now()

        def retry(hold: Hold, wait: float) -> Transition:
            error = JobError(
                code="model_stalled",
                message=f"{hold.job.model} made no step for {chosen.stall:g} s",
                retryable=False,
            )
            return lambda job: lifecycle.retry(job, hold.lease, error, wait, now, chosen.max_tries)

        for one in kept:
            if one.hold in spell.holds:
                wait = before_retry(one.hold.job)
                one.give_back(retry(one.hold, wait), wait)
        self._leave(kept, STALLED)

    def _leave(self, kept: Sequence[Kept], status: int) -> NoReturn:
        """Give everything back, and end the process. A model still runs, and what it makes is
        fenced off."""
        logger.error("a model is left behind", extra={"jobs": [one.hold.job.id for one in kept]})
        now = self.system.now()

        def hand_back(one: Kept) -> None:
            lease = one.hold.lease
            one.give_back(lambda job: lifecycle.hand_back(job, lease, now), 0.0)

        try:
            wait([self._crew.submit(partial(hand_back, one)) for one in kept], LEAVING_SECONDS)
        finally:
            os._exit(status)
