"""Who waits for whom: `python -m tests.bench.fairness [--json]`

One tenant has queued 10,000 jobs when the machine starts; another submits one every second for a
minute. The model takes 50 ms for a batch of eight, so that the flood lasts longer than that. A wait
is what lies between a job's submit and its end.
"""

import time
from collections.abc import Sequence
from pathlib import Path

from functions.submission import submit
from shared.contract import JobRequest
from shared.records import JobRecord
from shared.system import System
from tests.bench.figures import Found, parser, quantile, say
from tests.bench.filling import fill, prepared
from tests.bench.machine import started
from tests.bench.workplace import workplace

FLOOD, SECONDS = 10_000, 60
REQUEST = JobRequest(model="slow", input={})
PATIENCE = 60.0


def measure(folder: Path, flood: int = FLOOD, seconds: int = SECONDS) -> Found:
    """The waits of both tenants."""
    data = folder / "data"
    system = prepared(data)
    loud = fill(system, "loud", "slow", flood)
    with started(data):
        quiet = [one_a_second(system) for _ in range(seconds)]
        give_up = time.monotonic() + PATIENCE
        while len(waits(system, quiet)) < seconds and time.monotonic() < give_up:
            time.sleep(0.2)
        done = waits(system, loud)
    return {
        "quiet": summed_up(waits(system, quiet)) | {"of": seconds},
        "loud": summed_up(done) | {"of": flood},
    }


def one_a_second(system: System) -> str:
    """A job of the quiet tenant, and a second's rest."""
    job = submit(system, "quiet", REQUEST)
    time.sleep(1)
    return job.id


def waits(system: System, ids: Sequence[str]) -> list[float]:
    """Seconds from submit to end, of those that have ended."""
    jobs = (system.table.get(JobRecord, job_id) for job_id in ids)
    return [(job.ended_at - job.created_at).total_seconds() for job in jobs if job and job.ended_at]


def summed_up(values: list[float]) -> Found:
    return {
        "p50_s": round(quantile(values, 0.5), 3),
        "p95_s": round(quantile(values, 0.95), 3),
        "ended": len(values),
    }


def main() -> None:
    """Measure and print."""
    arguments = parser(__doc__)
    arguments.add_argument("--flood", type=int, default=FLOOD)
    arguments.add_argument("--seconds", type=int, default=SECONDS)
    chosen = arguments.parse_args()
    with workplace(chosen.folder) as folder:
        found = measure(folder, chosen.flood, chosen.seconds)
    lines = [
        f"{name}: p50 {waited['p50_s']:.2f} s, p95 {waited['p95_s']:.2f} s, "
        f"{waited['ended']} of {waited['of']} jobs"
        for name, waited in found.items()
    ]
    say(found, chosen.json, *lines)


if __name__ == "__main__":
    main()
