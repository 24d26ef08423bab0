"""Instances: how long they take to come, what they cost, and how spot ones are lost."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SPOT, ON_DEMAND = "spot", "on-demand"


@dataclass(frozen=True)
class Drought:
    """No spot instance is to be had from then to then, and some that run are taken away."""

    begin: float
    end: float
    lost: float
    """Share of those that run."""


@dataclass(frozen=True)
class Market:
    """Seconds are medians of lognormal times. Assumed: nothing of this has run on AWS so far."""

    react: tuple[float, float] = (60.0, 120.0)
    """Until the cluster asks for an instance: its metric is a minute's, its alarm one minute's."""
    launch: float = 75.0
    """From there to the container agent's registration; billed from here on."""
    pull: float = 90.0
    """Image and weights."""
    begin: float = 15.0
    """A container on an instance that has the image."""
    sigma: float = 0.3
    linger: float = 900.0
    """An instance without a task is ended after fifteen minutes, as ECS's managed scaling does."""
    losses_an_hour: float = 0.02
    """Of each spot instance: pessimistic. The notice is two minutes; who has heard it works no
    more but for the batch on the device."""
    notice: float = 120.0
    droughts: Sequence[Drought] = ()
    retry: float = 60.0

    def dry(self, now: float) -> bool:
        return any(drought.begin <= now < drought.end for drought in self.droughts)


class Chance:
    """Times that are drawn."""

    def __init__(self, market: Market, seed: int) -> None:
        self._market, self._random = market, np.random.default_rng(seed)

    def react(self) -> float:
        return float(self._random.uniform(*self._market.react))

    def about(self, median: float) -> float:
        return float(self._random.lognormal(np.log(median), self._market.sigma))

    def until_lost(self) -> float:
        return float(self._random.exponential(3600 / self._market.losses_an_hour))

    def hit(self, share: float) -> bool:
        return bool(self._random.random() < share)
