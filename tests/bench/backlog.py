"""What a job costs at different depths of the queue: `python -m tests.bench.backlog [--json]`

The data folder of a machine is filled until so many jobs are queued; then the machine is started,
and one client on one connection submits a job (null model) for each that the worker takes, until
2,000 have gone through. CPU of front, pump and worker together, a job: submit, receive, start,
make, store, commit, announce. The depths follow each other in one folder, so that they are compared
in one run.
"""

import time
from pathlib import Path

from shared.ports import Queue
from shared.system import System
from tests.bench.connection import Connection
from tests.bench.figures import Found, ms, parser, quantile, say
from tests.bench.filling import fill, prepared
from tests.bench.machine import by_part, started
from tests.bench.workplace import workplace

DEPTHS = (100, 1_000, 10_000, 100_000)
PUSHED = 2_000
WARM_UP = 0.1
"""Of those pushed, this share before the measuring begins."""
RECEIVES, VISIBILITY = 40, 60.0
LOOK_SECONDS = 0.1


def measure(folder: Path, depths: tuple[int, ...] = DEPTHS, pushed: int = PUSHED) -> Found:
    """Each figure by depth."""
    data = folder / "data"
    system = prepared(data)
    found: Found = {}
    for depth in depths:
        fill(system, "local", "null", depth - lane(system).depth())
        for name, value in at_depth(system, data, depth, pushed).items():
            found.setdefault(name, {})[str(depth)] = value
    return found


def at_depth(system: System, data: Path, depth: int, pushed: int) -> Found:
    """Start the machine, and push so many jobs through it."""
    queue = lane(system)
    receives = [receive(queue) for _ in range(RECEIVES)]
    start = time.perf_counter()
    with started(data) as (machine, everything), Connection(machine.url) as client:
        ready = time.perf_counter() - start
        push(client, queue, depth, max(1, int(pushed * WARM_UP)))
        before, start = by_part(machine), time.perf_counter()
        push(client, queue, depth, pushed)
        seconds = time.perf_counter() - start
        parts = {name: (used - before[name]) / pushed for name, used in by_part(machine).items()}
        memory = everything.memory()
    return {
        "cpu_us_per_job": round(sum(parts.values()) * 1e6),
        "parts": {name: round(used * 1e6) for name, used in parts.items()},
        "per_second": round(pushed / seconds, 1),
        "receive_p50_ms": ms(quantile(receives, 0.5)),
        "receive_p99_ms": ms(quantile(receives, 0.99)),
        "memory_mib": round(memory),
        "start_s": round(ready, 2),
    }


def lane(system: System) -> Queue:
    return system.lane(system.settings.pool, "interactive")


def receive(queue: Queue) -> float:
    """Seconds that it takes to receive ten letters, which are given back then."""
    start = time.perf_counter()
    letters = queue.receive(10, VISIBILITY)
    seconds = time.perf_counter() - start
    for letter in letters:
        queue.extend(letter, 0)
    return seconds


def push(client: Connection, queue: Queue, depth: int, count: int) -> None:
    """Submit a job for each that is taken, until so many are."""
    pushed = 0
    while pushed < count:
        taken = min(depth - queue.depth(), count - pushed)
        if taken <= 0:
            time.sleep(LOOK_SECONDS)
        for _ in range(taken):
            client.submit("null")
        pushed += max(0, taken)


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
        f"{depth:>7} queued: {used:6} us CPU a job {found['parts'][depth]}, "
        f"{found['per_second'][depth]:6.1f} jobs/s, "
        f"receive {found['receive_p50_ms'][depth]:.2f} / {found['receive_p99_ms'][depth]:.2f} ms, "
        f"{found['memory_mib'][depth]} MiB, ready after {found['start_s'][depth]} s"
        for depth, used in found["cpu_us_per_job"].items()
    ]
    say(found, chosen.json, *lines)


if __name__ == "__main__":
    main()
