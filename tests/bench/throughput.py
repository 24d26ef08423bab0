"""300 jobs at once: `python -m tests.bench.throughput [--peers celery,litserve] [--json]`

The system runs as `python -m local up` with one worker and one torch thread; eight connections
submit all jobs, then wait for each and fetch its picture. The time runs from the first submit until
the last picture is at the client: that is how the peers are measured too. In the same run, one
after the other and with everybody else stopped: the bare loop (the same model in batches of eight
and the same PNG encoder, one thread, nothing kept) and a loop that only computes. A ratio is the
median of the rounds' ratios.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from tests.bench.figures import Found, parser, say
from tests.bench.machine import by_part, started
from tests.bench.peers.installed import NAMES
from tests.bench.peers.running import peer
from tests.bench.sides import Ours, Side, alone, loops
from tests.bench.workplace import workplace

JOBS, ROUNDS = 300, 5
WARM_UP = 16


def measure(
    folder: Path, jobs: int = JOBS, rounds: int = ROUNDS, peers: Sequence[str] = ()
) -> Found:
    """Pictures a second and CPU a picture, of every side."""
    with ExitStack() as stack:
        machine, processes = stack.enter_context(started(folder / "data"))
        others = [stack.enter_context(peer(name, folder)) for name in peers]
        sides: list[Side] = [*loops(), Ours(machine.url, processes), *others]
        for side in sides:
            with alone(side, sides):
                side.burst(WARM_UP, 0)
        before = by_part(machine)
        played = [turn(sides, jobs, number) for number in range(1, rounds + 1)]
        made = jobs * rounds / 1e3
        parts = {name: (used - before[name]) / made for name, used in by_part(machine).items()}
        memory = round(processes.memory())
    return summed_up(played) | {
        "atelier_cpu_ms": {name: round(used, 2) for name, used in parts.items()},
        "memory_mib": memory,
        "jobs": jobs,
        "rounds": rounds,
    }


def turn(sides: list[Side], jobs: int, number: int) -> dict[str, tuple[float, float]]:
    """One burst of each side: pictures a second, milliseconds of CPU a picture."""
    found = {}
    for side in sides:
        with alone(side, sides):
            before = side.cpu()
            seconds = side.burst(jobs, number * 10_000)
            found[side.name] = (jobs / seconds, (side.cpu() - before) / jobs * 1e3)
    return found


def summed_up(played: list[dict[str, tuple[float, float]]]) -> Found:
    """Medians over the rounds."""
    names = list(played[0])

    def ratios(name: str, base: str) -> list[float]:
        return [turn[name][0] / turn[base][0] for turn in played]

    def ratio(name: str, base: str) -> float:
        return round(median(ratios(name, base)), 3)

    return {
        "ratio": ratio("atelier", "bare"),
        "forward_ratio": ratio("atelier", "forward"),
        "ratios": [round(value, 3) for value in ratios("atelier", "bare")],
        "peers": {name: ratio(name, "bare") for name in names[3:]},
        "per_second": {name: round(median(turn[name][0] for turn in played), 1) for name in names},
        "cpu_ms": {name: round(median(turn[name][1] for turn in played), 2) for name in names},
    }


def main() -> None:
    """Measure and print."""
    arguments = parser(__doc__)
    arguments.add_argument("--jobs", type=int, default=JOBS)
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    arguments.add_argument("--peers", default="", help=f"of {','.join(NAMES)}; needs a network")
    chosen = arguments.parse_args()
    peers = [name for name in chosen.peers.split(",") if name]
    with workplace(chosen.folder) as folder:
        found = measure(folder, chosen.jobs, chosen.rounds, peers)
    lines = [
        f"{name:9} {found['per_second'][name]:7.1f} pictures/s, {cpu:6.2f} ms CPU a picture"
        for name, cpu in found["cpu_ms"].items()
    ]
    lines += [f"atelier's, by part: {found['atelier_cpu_ms']}"]
    lines += [f"{name} / bare: {ratio}" for name, ratio in found["peers"].items()]
    lines += [f"atelier / bare: {found['ratio']} (bar: 0.95), each round {found['ratios']}"]
    lines += [f"atelier / forward: {found['forward_ratio']} (bar: 0.85)"]
    say(found, chosen.json, *lines)


if __name__ == "__main__":
    main()
