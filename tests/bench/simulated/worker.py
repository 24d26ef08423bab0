"""A worker's device and what it holds for it, by the rules of `gpu_worker.flow` and `.device`."""

from math import floor
from typing import Any, NamedTuple

from simpy import Event

from gpu_worker.device import PASSED_OVER_SECONDS
from gpu_worker.flow import CALL, MOST
from gpu_worker.receive import WAIT_SECONDS
from tests.bench.simulated.lanes import Letter
from tests.bench.simulated.models import DEVICE_MEMORY, SimulatedModel
from tests.bench.simulated.pool import Pool

VISIBILITY = 30.0
FRESH = 0.2


class Held(NamedTuple):
    """A letter that was taken, and when."""

    letter: Letter
    since: float


class Worker:
    """Takes letters ahead of the device, makes them in batches, and leaves when it is told to."""

    def __init__(self, pool: Pool) -> None:
        self.pool, self.env = pool, pool.env
        self.idle: Event | None = None
        self._hand: list[Held] = []
        self._loaded: list[int] = []
        """Models by their last use, the latest last."""
        self._turn = 0
        self._each: float | None = None
        self._batch = 1
        self._leaving = False

    def leave(self, give_back: bool = False) -> None:
        """Take no more, and end with what is held, or give that back but for the batch on the
        device."""
        self._leaving = True
        if give_back:
            self._give_back()
        if self.idle is not None and not self.idle.triggered:
            self.pool.forget(self.idle)
            self.idle.succeed()

    def work(self) -> Any:
        while True:
            if not self._leaving:
                self._take()
            if self._hand:
                yield from self._make()
            elif self._leaving:
                return
            else:
                self.idle = self.pool.letter()
                yield self.idle
                self.idle = None

    def _take(self) -> None:
        while (room := self._ahead() - len(self._hand)) > 0:
            self._turn += 1
            letters = self.pool.receive(min(room, CALL), self._turn)
            if not letters:
                return
            self._hand += [Held(letter, self.env.now) for letter in letters]

    def _ahead(self) -> int:
        """As many as keep the device busy, and no more than it makes in half the visibility."""
        if self._each is None:
            return 1
        soon = 1 + floor(VISIBILITY / 2 / self._each)
        call = min(CALL, 1 + floor(WAIT_SECONDS / self._each))
        return max(1, min(2 * self._batch + call, soon, MOST))

    def _make(self) -> Any:
        kind = self._choose()
        model = self.pool.arrivals.models[kind]
        yield self.env.timeout(self._load(kind, model))
        batch = self._next(kind, model)
        if not batch:
            return  # it was given back meanwhile
        seconds = model.seconds(len(batch))
        begun = self.env.now
        yield self.env.timeout(seconds)
        self._batch = len(batch)
        each = seconds / len(batch)
        self._each = each if self._each is None else self._each + FRESH * (each - self._each)
        self.pool.note(batch, begun)

    def _choose(self) -> int:
        """The oldest's model; one that is loaded goes first, but not for long."""
        models = self.pool.arrivals.model
        oldest = self._hand[0]
        if self.env.now - oldest.since <= PASSED_OVER_SECONDS:
            for held in self._hand:
                if models[held.letter[1]] in self._loaded:
                    return models[held.letter[1]]
        return models[oldest.letter[1]]

    def _load(self, kind: int, model: SimulatedModel) -> float:
        """Seconds until it is there. The one that was used longest ago makes room."""
        models = self.pool.arrivals.models
        if kind in self._loaded:
            self._loaded.remove(kind)
            self._loaded.append(kind)
            return 0.0
        while (
            self._loaded
            and model.memory + sum(models[one].memory for one in self._loaded) > DEVICE_MEMORY
        ):
            del self._loaded[0]
        self._loaded.append(kind)
        return model.load

    def _next(self, kind: int, model: SimulatedModel) -> list[int]:
        models = self.pool.arrivals.model
        taken = [held for held in self._hand if models[held.letter[1]] == kind][: model.batch]
        self._hand = [held for held in self._hand if held not in taken]
        return [held.letter[1] for held in taken]

    def _give_back(self) -> None:
        self.pool.give_back([held.letter for held in self._hand])
        self._hand = []
