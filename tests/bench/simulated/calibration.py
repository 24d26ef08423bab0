"""The simulation against the real thing: workers of one machine that make the same jobs.

Three worker processes of `python -m local up`, whose device sleeps (`napping.py`), are given jobs
of several tenants one by one, and a drop. Then the same jobs, at the times at which they were
really taken, go through three simulated workers. What the machine itself costs is not simulated.
"""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic_core import to_json
from simpy import Environment

from functions.idempotency import new_id
from functions.submission import accept, draft
from gpu_worker.registry import Registry
from shared.bootstrap import assemble
from shared.contract import JobRequest
from shared.records import JobRecord
from shared.settings import Settings
from shared.system import Lane, System
from tests.bench.figures import Found
from tests.bench.simulated.arrivals import Arrivals
from tests.bench.simulated.napping import NAP
from tests.bench.simulated.pool import Pool
from tests.bench.simulated.worker import Worker
from tests.machine import running

WORKERS, SECONDS, RATE, DROP, DROP_AT = 3, 40.0, 6.5, 60, 10.0
TENANTS = (0.6, 0.2, 0.1, 0.1)
"""Their shares of the jobs. The drop is of another one."""
MODELS = "tests.bench.simulated.napping"
PATIENCE = 120.0
REQUEST = JobRequest(model=NAP.name, input={})


def calibrate(folder: Path, seconds: float = SECONDS) -> Found:
    """Seconds from submit to end, as they were simulated and as they were measured."""
    jobs = measured(folder, seconds)
    arrivals = Arrivals(
        at=[job.created_at.timestamp() - jobs[0].created_at.timestamp() for job in jobs],
        tenant=[int(job.tenant) for job in jobs],
        bulk=[job.lane == "bulk" for job in jobs],
        model=[0] * len(jobs),
        models=(NAP,),
    )
    real = [(job.ended_at - job.created_at).total_seconds() for job in jobs if job.ended_at]
    return {
        "simulated": _percentiles(simulated(arrivals), arrivals.bulk),
        "measured": _percentiles(np.array(real), arrivals.bulk),
    }


def measured(folder: Path, seconds: float) -> list[JobRecord]:
    """The jobs after all have ended, in the order in which they came."""
    folder.mkdir()
    catalogue = folder / "catalogue.json"
    catalogue.write_bytes(to_json(Registry((MODELS,), "cpu").cards()))
    system = assemble(Settings(data=folder, catalogue=catalogue))
    with running(folder, "--workers", str(WORKERS), "--models", MODELS):
        ids = submitted(system, seconds)
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            jobs = [job for one in ids if (job := system.table.get(JobRecord, one))]
            if all(job.ended_at for job in jobs):
                return sorted(jobs, key=lambda job: job.created_at)
            time.sleep(0.5)
    raise TimeoutError("some jobs have not ended")


def submitted(system: System, seconds: float) -> list[str]:
    """At random times, from one client."""
    random, ids = np.random.default_rng(1), list[str]()
    begun, at, dropped = time.monotonic(), 0.0, False
    while at < seconds:
        time.sleep(max(0.0, begun + at - time.monotonic()))
        if at > DROP_AT and not dropped:
            dropped = True
            ids += system.together(
                lambda: [_submit(system, len(TENANTS), "bulk") for _ in range(DROP)]
            )
        ids.append(_submit(system, int(random.choice(len(TENANTS), p=TENANTS)), "interactive"))
        at += random.exponential(1 / RATE)
    return ids


def _submit(system: System, tenant: int, lane: Lane) -> str:
    card = system.catalogue().get(NAP.name)
    job = draft(system, str(tenant), REQUEST, card, {}, new_id(), lane)
    return accept(system, job).id


def simulated(arrivals: Arrivals) -> np.ndarray:
    """Seconds from arrival to end."""
    env = Environment()
    pool = Pool(env, arrivals)
    for _ in range(WORKERS):
        env.process(Worker(pool).work())
    env.run(until=pool.finished)
    return np.subtract(pool.ended, arrivals.at)


def _percentiles(waits: np.ndarray, bulk: Sequence[bool]) -> Found:
    lanes = {"interactive": ~np.array(bulk), "bulk": np.array(bulk)}
    return {
        f"{lane} p{share} s": round(float(np.percentile(waits[chosen], share)), 2)
        for lane, chosen in lanes.items()
        if chosen.any()
        for share in (50, 95, 99)
    }
