"""How long one job takes on an idle system: `python -m tests.bench.idle [--json]`

One client on one connection submits a job of the null model, waits for its end (`?wait=20`) and
fetches the picture by its signed URL: from the first byte sent until the last byte received, less
what the model itself takes (grey, 64², PNG). Thumbnail and manifest are stored before that, all of
it durably. Then one commit on the same disk is timed, and the next job is submitted.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from tests.bench import talks
from tests.bench.connection import Connection
from tests.bench.dcgan import png
from tests.bench.disk import Disk
from tests.bench.figures import Found, ms, parser, quantile, say
from tests.bench.machine import started
from tests.bench.models import GREY
from tests.bench.workplace import workplace

JOBS, WARM_UP = 300, 20


@dataclass
class Series:
    """Seconds, one entry a job."""

    submit: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    commit: list[float] = field(default_factory=list)

    def figures(self, values: list[float]) -> Found:
        return {
            "p50_ms": ms(quantile(values, 0.5)),
            "p99_ms": ms(quantile(values, 0.99)),
            "commit_ms": ms(median(self.commit)),
            "jobs": len(values),
        }


def measure(folder: Path, jobs: int = JOBS) -> Series:
    """One job after the other."""
    series = Series()
    disk = Disk(folder)
    with started(folder / "data") as (machine, _), Connection(machine.url) as client:
        for _ in range(WARM_UP):
            one(client, Series(), disk)
        for _ in range(jobs):
            one(client, series, disk)
    disk.close()
    return series


def one(client: Connection, series: Series, disk: Disk) -> None:
    """A job's whole way, then a commit."""
    start = time.perf_counter()
    job_id = client.hold(talks.submit("null"))
    series.submit.append(time.perf_counter() - start)
    client.hold(talks.made(job_id))
    series.whole.append(time.perf_counter() - start)
    series.commit.append(disk.commit())


def model_seconds(times: int = 300) -> float:
    """What the null model takes for one picture."""

    def once() -> float:
        start = time.perf_counter()
        png(GREY)
        return time.perf_counter() - start

    return median(once() for _ in range(times))


def main() -> None:
    """Measure and print."""
    arguments = parser(__doc__)
    arguments.add_argument("--jobs", type=int, default=JOBS)
    chosen = arguments.parse_args()
    model = model_seconds()
    with workplace(chosen.folder) as folder:
        series = measure(folder, chosen.jobs)
    found = series.figures([seconds - model for seconds in series.whole])
    bar = 2 + 5 * found["commit_ms"]
    say(
        found | {"model_ms": ms(model)},
        chosen.json,
        f"submit to bytes: p50 {found['p50_ms']:.2f} ms (bar: 2 ms + 5 commits = {bar:.2f}), "
        f"p99 {found['p99_ms']:.2f} ms (bar: 3 x p50 = {3 * found['p50_ms']:.2f})",
        f"a commit of this disk: {found['commit_ms']:.2f} ms",
    )


if __name__ == "__main__":
    main()
