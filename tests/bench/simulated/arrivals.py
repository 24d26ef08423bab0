"""Who submits what, and when, in a day."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.bench.simulated.models import MODELS, SimulatedModel

HOUR, DAY = 3600.0, 86400.0
TENANTS, ZIPF, LARGE = 2000, 1.1, 20
"""Tenant k of so many submits in proportion to k^-ZIPF; the first few are the large ones."""
DROPPED, DROP_FILES, DROP_RATE = 0.15, 150.0, 50.0
"""Share of the jobs that are files in drops, the median size of a drop, and files a second."""

Rate = Any
"""Of each minute of the day, in proportion."""


@dataclass(frozen=True)
class Arrivals:
    """Jobs in the order in which they come: one entry for each in every column."""

    at: Sequence[float]
    tenant: Sequence[int]
    bulk: Sequence[bool]
    model: Sequence[int]
    """Its place in `models`."""
    models: Sequence[SimulatedModel] = MODELS

    def __len__(self) -> int:
        return len(self.at)


def steady() -> Rate:
    return np.ones(1440)


def evening() -> Rate:
    """Three hours of work, and nobody else in the whole day."""
    hours = np.arange(1440) / 60
    return ((hours >= 18) & (hours < 21)).astype(float)


def diurnal() -> Rate:
    """Quiet at four in the morning, four times that in the afternoon."""
    hours = np.arange(1440) / 60
    return 1 + 0.6 * np.cos((hours - 16) / 24 * 2 * np.pi)


def launch() -> Rate:
    """An ordinary day until noon, when the announcement brings twelve times as many within ten
    minutes; half of that is gone every ninety minutes."""
    minutes = np.arange(1440)
    since = minutes - 12 * 60
    crowd = np.clip(since / 10, 0, 1) * 0.5 ** (np.clip(since - 10, 0, None) / 90)
    return diurnal() * (1 + 11 * crowd)


def arrivals(jobs: int, rate: Rate, seed: int) -> Arrivals:
    """About so many jobs in a day."""
    random = np.random.default_rng(seed)
    single, dropped = _times(random, jobs * (1 - DROPPED), rate), _drops(random, jobs, rate)
    at = np.concatenate([single, dropped[0]])
    tenant = np.concatenate([_tenants(random, len(single)), dropped[1]])
    order = np.argsort(at, kind="stable")
    shares = [model.share for model in MODELS]
    return Arrivals(
        at=at[order].tolist(),
        tenant=tenant[order].tolist(),
        bulk=(order >= len(single)).tolist(),
        model=random.choice(len(MODELS), len(at), p=shares).tolist(),
    )


def _times(random: np.random.Generator, jobs: float, rate: Rate) -> np.ndarray:
    counts = random.poisson(jobs * rate / rate.sum())
    starts = np.repeat(np.arange(1440) * 60.0, counts)
    return starts + random.uniform(0, 60, len(starts))


def _tenants(random: np.random.Generator, jobs: int) -> np.ndarray:
    weights = np.arange(1, TENANTS + 1) ** -ZIPF
    return random.choice(TENANTS, jobs, p=weights / weights.sum())


def _drops(random: np.random.Generator, jobs: int, rate: Rate) -> tuple[np.ndarray, np.ndarray]:
    """Each a folder of one tenant, whose files come one after the other."""
    spread = 1.0
    mean_size = DROP_FILES * np.exp(spread**2 / 2)
    starts = _times(random, jobs * DROPPED / mean_size, rate)
    sizes = np.ceil(random.lognormal(np.log(DROP_FILES), spread, len(starts))).astype(int)
    within = np.concatenate([np.arange(size) for size in sizes]) if len(sizes) else np.empty(0)
    return (
        np.repeat(starts, sizes) + within / DROP_RATE,
        np.repeat(_tenants(random, len(starts)), sizes),
    )
