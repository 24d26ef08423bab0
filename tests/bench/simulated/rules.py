"""Rules for the size of a fleet: asked once a minute, as a schedule or an alarm does."""

from collections import deque
from dataclasses import dataclass
from math import ceil
from typing import Protocol

from functions.scale.policy import Aims, Memory, Seen, Wanted, decide


class Rule(Protocol):
    """How many tasks there are to be."""

    def look(self, seen: Seen) -> Wanted: ...


@dataclass
class Ours:
    """What the fleet's schedule runs: the product's own code."""

    aims: Aims
    memory: Memory = ()

    def look(self, seen: Seen) -> Wanted:
        wanted, self.memory = decide(self.aims, seen, self.memory)
        return wanted


@dataclass
class Fixed:
    """So many, always."""

    count: int

    def look(self, seen: Seen) -> Wanted:
        return Wanted(0, self.count)


class Tracking:
    """Target tracking of AWS's Application Auto Scaling, on backlog per task: out after three
    minutes above the target, in after fifteen below nine tenths of it, in proportion. It never
    leaves zero, so one task always runs. All of them are spot."""

    OUT_MINUTES, IN_MINUTES, SLACK = 3, 15, 0.9

    def __init__(self, target: float, most: int) -> None:
        self.target, self.most = target, most
        self._metric: deque[float] = deque(maxlen=self.IN_MINUTES)
        self._count = 1

    def look(self, seen: Seen) -> Wanted:
        running = max(1, seen.spot.running)
        backlog = sum(lane.waiting for lane in seen.backlog.values())
        self._metric.append(backlog / running)
        if self._all(self.OUT_MINUTES, above=self.target):
            self._set(ceil(running * self._metric[-1] / self.target))
        elif self._all(self.IN_MINUTES, below=self.SLACK * self.target):
            self._set(ceil(self._count * max(self._metric) / self.target))
        return Wanted(self._count, 0)

    def _all(self, minutes: int, above: float = -1.0, below: float = float("inf")) -> bool:
        latest = list(self._metric)[-minutes:]
        return len(latest) == minutes and all(above < value < below for value in latest)

    def _set(self, count: int) -> None:
        self._count = max(1, min(count, self.most))
        self._metric.clear()
