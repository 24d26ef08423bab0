"""What a job costs at different depths of the queue: `python -m tests.bench.backlog [--json]`

The data folder of a machine is filled until so many jobs are queued; then the machine is started,
and sixteen connections submit a job (null model) for each that the worker takes, until 2,000 are
submitted; what it takes beyond that is queued beside it, so that the queue stays as deep. The
front's CPU is divided by the jobs that were submitted meanwhile, that of everybody else by those
that were made; together they are what a job costs: submit, receive, start, make, store, commit,
announce. The depths follow each other in one folder, so that they are compared in one run.
"""

import sys
import time
from pathlib import Path

from shared.embedded.database import Database
from shared.ports import Queue
from shared.system import System
from tests.bench import talks
from tests.bench.connection import Connection
from tests.bench.crowd import crowd, hold
from tests.bench.figures import Found, ms, parser, quantile, say
from tests.bench.filling import fill, prepared
from tests.bench.machine import by_part, started
from tests.bench.workplace import workplace

DEPTHS = (100, 1_000, 10_000, 100_000)
PUSHED = 2_000
WARM_UP = 0.1
"""Of those pushed, this share before the measuring begins."""
RECEIVES, VISIBILITY = 40, 60.0
LOOK_SECONDS = 0.05
ROUND = 32
"""Submits between two looks at the depth."""
MADE = "SELECT count(*) FROM items WHERE owner = 'local' AND status = 'succeeded'"


def measure(folder: Path, depths: tuple[int, ...] = DEPTHS, pushed: int = PUSHED) -> Found:
    """Each figure by depth."""
    data = folder / "data"
    system = prepared(data)
    found: Found = {}
    for depth in depths:
        print(f"filling up to {depth}", file=sys.stderr)
        fill(system, "local", "null", depth - lane(system).depth())
        print(f"pushing {pushed} through", file=sys.stderr)
        for name, value in at_depth(system, data, depth, pushed).items():
            found.setdefault(name, {})[str(depth)] = value
    costs = found["cpu_us_per_job"].values()
    return found | {"spread": round(max(costs) / min(costs) - 1, 3)}


def at_depth(system: System, data: Path, depth: int, pushed: int) -> Found:
    """Start the machine, and push so many jobs through it."""
    queue, database = lane(system), Database(data)
    receives = [receive(queue) for _ in range(RECEIVES)]
    with started(data) as (machine, everything), crowd(machine.url) as clients:
        hold(clients, (talks.submit("null") for _ in clients))  # a silent connection is closed
        push(system, clients, depth, max(1, int(pushed * WARM_UP)))
        before, start, made = by_part(machine), time.perf_counter(), count_made(database)
        push(system, clients, depth, pushed)
        while count_made(database) < made + pushed:
            time.sleep(LOOK_SECONDS)
        seconds, made = time.perf_counter() - start, count_made(database) - made
        used = {name: (cpu - before[name]) * 1e6 for name, cpu in by_part(machine).items()}
        parts = {name: cpu / (pushed if name == "front" else made) for name, cpu in used.items()}
        return {
            "cpu_us_per_job": round(sum(parts.values())),
            **{f"{name}_us": round(cpu) for name, cpu in parts.items()},
            "made": made,
            "made_per_second": round(made / seconds, 1),
            "depth_after": queue.depth(),
            "receive_p50_ms": ms(quantile(receives, 0.5)),
            "receive_p99_ms": ms(quantile(receives, 0.99)),
            "memory_mib": round(everything.memory()),
        }


def lane(system: System) -> Queue:
    return system.lane(system.settings.pool, "interactive")


def count_made(database: Database) -> int:
    return int(database.rows(MADE)[0][0])


def receive(queue: Queue) -> float:
    """Seconds that it takes to receive ten letters, which are given back then."""
    start = time.perf_counter()
    letters = queue.receive(10, VISIBILITY)
    seconds = time.perf_counter() - start
    for letter in letters:
        queue.extend(letter, 0)
    return seconds


def push(system: System, clients: list[Connection], depth: int, count: int) -> None:
    """Submit a job for each that is taken, until so many are. Where the worker takes them faster
    than that, the rest is queued from here: the depth is to stay."""
    queue, pushed = lane(system), 0
    while pushed < count:
        taken = min(depth - queue.depth(), ROUND, count - pushed)
        if taken > 0:
            pushed += len(hold(clients, (talks.submit("null") for _ in range(taken))))
            fill(system, "local", "null", depth - queue.depth() - ROUND)
        else:
            time.sleep(LOOK_SECONDS)


def main() -> None:
    """Measure and print."""
    arguments = parser(__doc__)
    arguments.add_argument("--depths", default=",".join(map(str, DEPTHS)))
    arguments.add_argument("--pushed", type=int, default=PUSHED)
    chosen = arguments.parse_args()
    depths = tuple(map(int, chosen.depths.split(",")))
    with workplace(chosen.folder) as folder:
        found = measure(folder, depths, chosen.pushed)
    lines = [
        f"{depth:>7} queued: {used:6} us CPU a job (bar: 2000), front {found['front_us'][depth]}, "
        f"pump {found['pump_us'][depth]}, worker {found['gpu_worker_us'][depth]}; "
        f"{found['made_per_second'][depth]} made a second, {found['depth_after'][depth]} left; "
        f"receive {found['receive_p50_ms'][depth]:.2f} / {found['receive_p99_ms'][depth]:.2f} ms, "
        f"{found['memory_mib'][depth]} MiB"
        for depth, used in found["cpu_us_per_job"].items()
    ]
    say(found, chosen.json, *lines, f"spread: {found['spread']:.0%} (bar: 20 %)")


if __name__ == "__main__":
    main()
