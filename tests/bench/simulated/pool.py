"""A pool's queues in time: letters come, workers take them or wait for them."""

from collections.abc import Iterable
from typing import Any

from simpy import Environment, Event

from gpu_worker.receive import BULK_EVERY
from shared.system import LANES, Lane
from tests.bench.simulated.arrivals import Arrivals
from tests.bench.simulated.lanes import FairLane, Letter


class Pool:
    """What waits, who waits for it, and what has become of each job."""

    def __init__(self, env: Environment, arrivals: Arrivals) -> None:
        self.env, self.arrivals = env, arrivals
        self.lanes = {lane: FairLane() for lane in LANES}
        self.begun = [0.0] * len(arrivals)
        self.ended = [0.0] * len(arrivals)
        self.done = 0
        self.held: dict[Lane, int] = dict.fromkeys(LANES, 0)
        """Letters that workers have taken."""
        self.busy = 0.0
        """Seconds in which a device made something."""
        self.finished = env.event()
        self._come = 0
        self._idle: list[Event] = []
        self._somebody = env.event()
        env.process(self._feed())

    def waiting(self) -> dict[Lane, int]:
        """Letters in both lanes, those that have just come too."""
        self._arrive()
        return {name: len(lane) for name, lane in self.lanes.items()}

    def receive(self, limit: int, turn: int) -> list[Letter]:
        """For a worker's so-many-th time: of five times while both lanes wait, one is bulk's."""
        self._arrive()
        first, second = LANES if turn % BULK_EVERY else LANES[::-1]
        letters = self.lanes[first].receive(limit) or self.lanes[second].receive(limit)
        for _, job in letters:
            self.held[self._lane(job)] += 1
        return letters

    def letter(self) -> Event:
        """What an idle worker waits for. It may come in vain."""
        waited = self.env.event()
        self._idle.append(waited)
        if not self._somebody.triggered:
            self._somebody.succeed()
        return waited

    def forget(self, waited: Event) -> None:
        """Nobody waits for that any more."""
        if waited in self._idle:
            self._idle.remove(waited)

    def give_back(self, letters: Iterable[Letter]) -> None:
        for letter in letters:
            lane = self._lane(letter[1])
            self.lanes[lane].give_back(letter)
            self.held[lane] -= 1
        self._wake()

    def note(self, batch: list[int], begun: float) -> None:
        """A batch has been made since then."""
        for job in batch:
            self.begun[job], self.ended[job] = begun, self.env.now
            self.held[self._lane(job)] -= 1
        self.busy += self.env.now - begun
        self.done += len(batch)
        if self.done == len(self.arrivals):
            self.finished.succeed()

    def _lane(self, job: int) -> Lane:
        return "bulk" if self.arrivals.bulk[job] else "interactive"

    def _arrive(self) -> None:
        """Into the queues goes what has come since the last look: nobody could see it before."""
        at, tenants = self.arrivals.at, self.arrivals.tenant
        while self._come < len(at) and at[self._come] <= self.env.now:
            job = self._come
            self.lanes[self._lane(job)].send(job, tenants[job])
            self._come += 1

    def _feed(self) -> Any:
        """Wake those who wait, when something comes for them."""
        while self._come < len(self.arrivals):
            if self._idle:
                yield self.env.timeout(max(0.0, self.arrivals.at[self._come] - self.env.now))
                self._arrive()
                self._wake()
            else:
                self._somebody = self.env.event()
                yield self._somebody

    def _wake(self) -> None:
        for _ in range(min(len(self._idle), sum(map(len, self.lanes.values())))):
            self._idle.pop().succeed()
