"""300 jobs at once: `python -m tests.bench.throughput [--peers celery,litserve] [--json]`

The system runs as `python -m local up` with one worker and one torch thread; sixteen connections
submit all jobs, then list what has succeeded and fetch the pictures. The time runs from the first
submit until the last picture is at the client: that is how the peers are measured too. In the same
run, one after the other and with everybody else stopped: the bare loop (the same model in batches
of eight and the same PNG encoder, one thread, nothing kept) and a loop that only computes. A ratio
is the median of the rounds' ratios. The client shares the processors with what it measures.
"""

import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.bench.figures import Found, parser, say
from tests.bench.machine import by_part, started
from tests.bench.ours import Ours
from tests.bench.peers.installed import NAMES
from tests.bench.peers.running import peer
from tests.bench.sides import Side, alone, loops
from tests.bench.workplace import workplace

JOBS, ROUNDS = 300, 5
WARM_UP = 48
COME_TO = 0.2
"""Seconds, for a side that was stopped."""


class Turn(NamedTuple):
    """One burst of one side: pictures a second, and milliseconds of CPU a picture."""

    per_second: float
    cpu_ms: float
    client_ms: float


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
    found = summed_up(played)
    return found | {
        "client_share": client_share(found),
        "atelier_cpu_ms": {name: round(used, 2) for name, used in parts.items()},
        "memory_mib": memory,
        "jobs": jobs,
        "rounds": rounds,
    }


def client_share(found: Found) -> float:
    """Of what all processors could do in the time that the bare loop takes."""
    cores = os.cpu_count() or 1
    used: float = found["client_cpu_ms"]["atelier"] / 1e3 * found["per_second"]["bare"]
    return round(used / cores, 3)


def turn(sides: list[Side], jobs: int, number: int) -> dict[str, Turn]:
    """One burst of each side."""
    found = {}
    for side in sides:
        with alone(side, sides):
            time.sleep(COME_TO)
            cpu, client = side.cpu(), side.client()
            seconds = side.burst(jobs, number * 10_000)
            picture_ms = 1e3 / jobs
            found[side.name] = Turn(
                jobs / seconds,
                (side.cpu() - cpu) * picture_ms,
                (side.client() - client) * picture_ms,
            )
    return found


def summed_up(played: list[dict[str, Turn]]) -> Found:
    """Medians over the rounds."""
    names = list(played[0])

    def ratios(name: str, base: str) -> list[float]:
        return [turn[name].per_second / turn[base].per_second for turn in played]

    def ratio(name: str, base: str) -> float:
        return round(median(ratios(name, base)), 3)

    def each(figure: Callable[[Turn], float], digits: int) -> dict[str, float]:
        return {
            name: round(median(figure(turn[name]) for turn in played), digits) for name in names
        }

    return {
        "ratio": ratio("atelier", "bare"),
        "forward_ratio": ratio("atelier", "forward"),
        "ratios": [round(value, 3) for value in ratios("atelier", "bare")],
        "peers": {name: ratio(name, "bare") for name in names[3:]},
        "per_second": each(lambda turn: turn.per_second, 1),
        "cpu_ms": each(lambda turn: turn.cpu_ms, 2),
        "client_cpu_ms": each(lambda turn: turn.client_ms, 2),
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
        f"{name:9} {found['per_second'][name]:7.1f} pictures/s, {cpu:6.2f} ms CPU a picture, "
        f"and the client {found['client_cpu_ms'][name]:.2f}"
        for name, cpu in found["cpu_ms"].items()
    ]
    lines += [f"atelier's, by part: {found['atelier_cpu_ms']}"]
    lines += [f"{name} / bare: {ratio}" for name, ratio in found["peers"].items()]
    lines += [f"atelier / bare: {found['ratio']} (bar: 0.95), each round {found['ratios']}"]
    lines += [f"atelier / forward: {found['forward_ratio']} (bar: 0.85)"]
    lines += [
        f"the client takes {found['client_share']:.1%} of the processors' time at bare's pace"
    ]
    say(found, chosen.json, *lines)


if __name__ == "__main__":
    main()
