"""A day under a rule, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from simpy import Environment

from functions.scale.policy import Seen
from local.bill import known
from shared.fleet import Backlog
from tests.bench.figures import Found
from tests.bench.simulated.arrivals import DAY, LARGE, Arrivals
from tests.bench.simulated.fleet import Bill, Fleet
from tests.bench.simulated.market import ON_DEMAND, SPOT, Market
from tests.bench.simulated.pool import Pool
from tests.bench.simulated.rules import Fixed, Rule

LOOK_SECONDS = 60.0
PRICES = {
    kind: float(known()[1].prices[f"gpu_{kind.replace('-', '_')}_hour"].price)
    for kind in (SPOT, ON_DEMAND)
}
"""Of an hour, without disk and address."""


@dataclass(frozen=True)
class Ran:
    """One day."""

    arrivals: Arrivals
    waits: np.ndarray
    """Seconds from a job's arrival until the device begins with it."""
    busy: float
    bill: Bill
    minutes: Sequence[tuple[float, int, int]]
    """Time, letters waiting, instances paid for."""

    @property
    def large(self) -> np.ndarray:
        """Which jobs are those of the large tenants."""
        return np.array(self.arrivals.tenant) < LARGE


def ran(arrivals: Arrivals, market: Market, rule: Rule, seed: int = 1) -> Ran:
    """The day until its last job has been made."""
    env = Environment()
    pool = Pool(env, arrivals)
    fleet = Fleet(pool, market, seed)
    if isinstance(rule, Fixed):
        fleet.warm(rule.count)
    minutes: list[tuple[float, int, int]] = []
    env.process(_looks(pool, fleet, rule, minutes))
    env.run(until=pool.finished)
    if env.now < DAY:
        env.run(until=DAY)
    fleet.settle()
    waits = np.array(pool.begun) - np.array(arrivals.at)
    return Ran(arrivals, waits, pool.busy, fleet.bill, minutes)


def _looks(pool: Pool, fleet: Fleet, rule: Rule, minutes: list[tuple[float, int, int]]) -> Any:
    """Once a minute."""
    while True:
        seen = _seen(pool, fleet)
        waiting = sum(lane.waiting for lane in seen.backlog.values())
        minutes.append((pool.env.now, waiting, fleet.paid()))
        wanted = rule.look(seen)
        fleet.want(SPOT, wanted.spot)
        fleet.want(ON_DEMAND, wanted.on_demand)
        yield pool.env.timeout(LOOK_SECONDS)


def _seen(pool: Pool, fleet: Fleet) -> Seen:
    return Seen(
        at=pool.env.now,
        backlog={lane: Backlog(count, pool.held[lane]) for lane, count in pool.waiting().items()},
        spot=fleet.workers(SPOT),
        on_demand=fleet.workers(ON_DEMAND),
    )


def summed_up(day: Ran) -> Found:
    """Waits by lane and size of the tenant, money, and the share of it that made something."""
    bulk = np.array(day.arrivals.bulk)
    large = day.large
    paid = sum(day.bill.seconds.values())
    dollars = sum(PRICES[kind] * seconds / 3600 for kind, seconds in day.bill.seconds.items())
    return {
        **_percentiles("", day.waits[~bulk]),
        **_percentiles("small ", day.waits[~bulk & ~large]),
        **_percentiles("large ", day.waits[~bulk & large]),
        **_percentiles("bulk ", day.waits[bulk]),
        "dollars": round(dollars, 2),
        "dollars_per_1000": round(dollars / len(day.arrivals) * 1000, 3),
        "busy": round(day.busy / paid, 3),
        "most_instances": max(paid for _, _, paid in day.minutes),
        "spot_share": round(day.bill.seconds[SPOT] / paid, 3),
        "lost": day.bill.lost,
    }


def _percentiles(name: str, waits: np.ndarray) -> Found:
    found = np.percentile(waits, (50, 95, 99)) if len(waits) else (0.0, 0.0, 0.0)
    return {
        f"{name}p{share}_s": round(float(value), 1)
        for share, value in zip((50, 95, 99), found, strict=True)
    }
