"""What a job costs at different depths of the queue: `python -m tests.bench.backlog [--json]`

One process submits jobs until so many are queued, then pushes `PUSHED` through: submit, receive,
start, make a 16² picture, store, commit. CPU of that process, per job; the waiting for the disk is
not in it. The depths are filled in turn in one data folder, so that they are compared in one run.
"""

import argparse
import json
import logging
import tempfile
import time
from pathlib import Path

from functions.submission import submit
from gpu_worker.drain import Drain
from gpu_worker.registry import Registry
from gpu_worker.worker import Worker
from shared.bootstrap import assemble
from shared.catalogue import Catalogue
from shared.contract import JobRequest
from shared.settings import Settings
from shared.system import System

DEPTHS = (100, 1_000, 10_000)
PUSHED = 300
MODELS = ("tests.own_models",)


def measure(folder: Path, depths: tuple[int, ...] = DEPTHS) -> dict[str, dict[str, float]]:
    """CPU microseconds and milliseconds of wall time a job, by depth."""
    registry = Registry(MODELS, "cpu")
    catalogue = folder / "catalogue.json"
    catalogue.write_text(json.dumps([card.model_dump() for card in registry.cards()]))
    system = assemble(Settings(data=folder / "data", catalogue=catalogue))
    assert Catalogue.read(catalogue).cards
    worker = Worker(system, registry, Drain(60))
    found: dict[str, dict[str, float]] = {"cpu_us_per_job": {}, "wall_ms_per_job": {}}
    filled = 0
    for depth in depths:
        fill(system, depth - filled)
        cpu, wall = push(system, worker)
        found["cpu_us_per_job"][str(depth)] = round(cpu * 1e6)
        found["wall_ms_per_job"][str(depth)] = round(wall * 1e3, 2)
        filled = depth
    return found


def fill(system: System, count: int) -> None:
    """Queue so many jobs."""
    for _ in range(count):
        submit(system, "local", JobRequest(model="plain", input={}))


def push(system: System, worker: Worker) -> tuple[float, float]:
    """Seconds of CPU and of wall time a job, with as many coming as going."""
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(PUSHED):
        fill(system, 1)
        worker.once()
    return (time.process_time() - cpu) / PUSHED, (time.perf_counter() - wall) / PUSHED


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder))
    if chosen.json:
        print(json.dumps(found))
        return
    for depth, cpu in found["cpu_us_per_job"].items():
        wall = found["wall_ms_per_job"][depth]
        print(f"{depth:>7} queued: {cpu:6.0f} µs CPU, {wall:6.2f} ms a job")


if __name__ == "__main__":
    main()
