"""The fleet's policy against others, simulated: `python -m tests.bench.fleet [--json]`

A discrete-event simulation (`simulated/`) of the product's own policy (`functions/scale/policy.py`)
and of the rules by which letters reach a device: lanes, fairness between tenants, letters taken
ahead, batches, models that are loaded and make room for each other. Four days: three hours of work
in an evening, a steady day, a launch that brings a million jobs, and the same without spot
instances for the ninety minutes that matter. Each is worked off under our policy, under target
tracking on backlog per task with AWS's own formula for its target, and by fixed fleets for the mean
and for the peak of the load. Beforehand three real workers are compared with three simulated ones.
"""

import os
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from math import ceil
from pathlib import Path

import numpy as np

from functions.scale.policy import Aims
from local import logs
from tests.bench.figures import Found, parser, say
from tests.bench.simulated.arrivals import DAY, HOUR, Arrivals, arrivals, evening, launch, steady
from tests.bench.simulated.calibration import calibrate
from tests.bench.simulated.market import Drought, Market
from tests.bench.simulated.models import job_seconds
from tests.bench.simulated.picture import draw
from tests.bench.simulated.rules import Fixed, Ours, Rule, Tracking
from tests.bench.simulated.run import Ran, ran, summed_up
from tests.bench.tables import table
from tests.bench.workplace import workplace

JOBS = 1_000_000
CEILING = 400
AIMS = Aims(ceiling=CEILING, job_seconds=job_seconds())
WAITS, TARGETS = (15, 60, 180), (10, 100, 300)
"""Wait targets of ours, and backlogs per task, that are tried for the picture."""
DRY = Market(droughts=(Drought(12 * HOUR, 13.5 * HOUR, 0.3),))
DAYS = {
    "evening": (0.0003, evening, Market()),
    "steady": (0.2, steady, Market()),
    "launch": (1.0, launch, Market()),
    "launch without spot": (1.0, launch, DRY),
}
"""Jobs, as a share of those of the launch; when they come; and the market."""
COLUMNS = (
    "p50_s", "p95_s", "p99_s", "small p95_s", "large p95_s", "bulk p95_s",
    "dollars", "busy", "most_instances", "lost",
)  # fmt: skip


@dataclass(frozen=True)
class Task:
    """A day under a rule, as another process is asked for it."""

    day: str
    jobs: int
    name: str
    rule: Rule


def summary(task: Task) -> Found:
    return summed_up(whole(task))


def whole(task: Task) -> Ran:
    return ran(jobs_of(task.day, task.jobs), DAYS[task.day][2], task.rule)


@cache
def jobs_of(day: str, jobs: int) -> Arrivals:
    share, rate, _ = DAYS[day]
    return arrivals(int(jobs * share), rate(), seed=1)


def rules(day: str, jobs: int) -> dict[str, Rule]:
    """By name. Fixed fleets are a fifth more than the mean load, or than the busiest ten minutes';
    they are on demand, and so are not tried once more on the day without spot."""
    coming = jobs_of(day, jobs)
    seconds = np.array([model.seconds(model.batch) / model.batch for model in coming.models])
    tens = np.histogram(coming.at, np.arange(0, DAY + 1, 600), weights=seconds[coming.model])[0]
    mean, peak = (ceil(1.2 * load / 600) for load in (tens.mean(), tens.max()))
    target = ceil(AIMS.waits["interactive"] / AIMS.job_seconds)
    followed: dict[str, Rule] = {
        "ours": Ours(AIMS),
        f"target tracking, {target} a task": Tracking(target, CEILING),
    }
    fixed: dict[str, Rule] = {
        f"{mean} on demand, for the mean": Fixed(mean),
        f"{peak} on demand, for the peak": Fixed(peak),
    }
    return followed if DAYS[day][2].droughts else followed | fixed


def days(jobs: int, pool: Executor) -> Found:
    """Every day under every rule."""
    tasks = [Task(day, jobs, name, rule) for day in DAYS for name, rule in rules(day, jobs).items()]
    found: Found = {}
    for task, summed in zip(tasks, pool.map(summary, tasks), strict=True):
        found.setdefault(task.day, {})[task.name] = {key: summed[key] for key in COLUMNS}
    return found


def picture(jobs: int, pool: Executor, path: Path) -> None:
    """Draw the day of the launch; other wait targets and other backlogs a task are tried for it."""
    usual = [Task("launch", jobs, name, rule) for name, rule in rules("launch", jobs).items()]
    others = [
        *(Task("launch", jobs, "ours", Ours(with_wait(wait))) for wait in WAITS),
        *(Task("launch", jobs, "target tracking", Tracking(each, CEILING)) for each in TARGETS),
    ]
    tried = pool.map(summary, others)
    launched = dict(zip((task.name for task in usual), pool.map(whole, usual), strict=True))
    found = [(name, summed_up(day)) for name, day in launched.items()]
    found += zip((task.name for task in others), tried, strict=True)
    draw(launched, found, path)


def sweep(jobs: int, pool: Executor) -> Found:
    """The policy's parameters, each changed by itself."""
    changed = {
        "the defaults": AIMS,
        **{f"wait target {wait} s": with_wait(wait) for wait in (15, 20, 45, 60)},
        **{f"linger {most} s": replace(AIMS, linger=float(most)) for most in (0, 300, 1800)},
        **{f"patience {most} s": replace(AIMS, patience=float(most)) for most in (120, 180, 300)},
        **{
            f"{times:g} x the seconds of a job": replace(AIMS, job_seconds=times * AIMS.job_seconds)
            for times in (0.5, 2)
        },
    }
    tasks = [
        Task(day, jobs, name, Ours(aims))
        for name, aims in changed.items()
        for day in ("steady", "launch", "launch without spot")
    ]
    found: Found = {}
    for task, summed in zip(tasks, pool.map(summary, tasks), strict=True):
        row = found.setdefault(task.name, {})
        row |= {f"{task.day}: {key}": summed[key] for key in ("p95_s", "dollars")}
    return {"sweep": found}


def with_wait(seconds: float) -> Aims:
    return replace(AIMS, waits={**AIMS.waits, "interactive": float(seconds)})


def told(found: Found) -> list[str]:
    """A table for each day, and the calibration."""
    lines: list[str] = []
    for name, one in found.items():
        first = next(iter(one.values()))
        lines += table((name, *first), [(key, *row.values()) for key, row in one.items()])
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    asked = parser(__doc__)
    asked.add_argument("--jobs", type=int, default=JOBS, help="of the launch")
    asked.add_argument("--picture", type=Path, help="where to draw one")
    asked.add_argument("--sweep", action="store_true", help="try other parameters of our policy")
    asked.add_argument("--processes", type=int, default=os.cpu_count(), help="at once")
    asked.add_argument("--only-simulated", action="store_true", help="start no real workers")
    chosen = asked.parse_args(arguments)
    logs.configure("ERROR")
    found: Found = {}
    with ProcessPoolExecutor(chosen.processes) as pool:
        found |= days(chosen.jobs, pool)
        if chosen.sweep:
            found |= sweep(chosen.jobs, pool)
        if chosen.picture:
            picture(chosen.jobs, pool, chosen.picture)
    if not chosen.only_simulated:
        with workplace(chosen.folder) as folder:
            found["calibration"] = calibrate(folder / "data")
    say(found, chosen.json, *told(found))


if __name__ == "__main__":
    main()
