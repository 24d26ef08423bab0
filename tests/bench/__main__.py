"""All benchmarks, one after the other: `python -m tests.bench [--peers celery,litserve]`

Their figures go to `results.json`, into the tables of README.md, and into a plot.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.figures import Found
from tests.bench.peers.installed import NAMES as PEERS
from tests.bench.plot import draw
from tests.bench.tables import update
from tests.bench.workplace import workplace

HERE = Path(__file__).parent
RESULTS, README, PLOT = HERE / "results.json", HERE / "README.md", HERE / "figures.png"
ON_A_MACHINE = ("throughput", "idle", "submit", "fairness", "backlog")
"""Their folders are removed when all is over: to remove many files is work, too."""
APART = ("pipeline", "encode", "coldstart")


def main() -> None:
    """Run them, or those that are named."""
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", help="of " + ", ".join((*ON_A_MACHINE, *APART)))
    parser.add_argument("--peers", default="", help="of " + ",".join(PEERS))
    chosen = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    with workplace() as folder:
        for name in chosen.names or (*ON_A_MACHINE, *APART):
            options = ["--folder", str(folder / name)] if name in ON_A_MACHINE else []
            options += ["--peers", chosen.peers] if name == "throughput" else []
            results[name] = run(name, options) | {"measured": stamp()}
            RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    README.write_text(update(README.read_text(), results))
    draw(results, PLOT)


def run(name: str, options: list[str]) -> Found:
    """One benchmark; what it says for a person is shown as it comes."""
    print(f"== {name}", flush=True)
    command = [sys.executable, "-m", f"tests.bench.{name}", "--json", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        last = ""
        for line in running.stdout:
            print(last, end="", flush=True)
            last = line
    if running.returncode:
        raise SystemExit(f"{name} has failed")
    found: Found = json.loads(last)
    return found


def stamp() -> str:
    """When, and on what."""
    return f"{datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} x {processor()}"


def processor() -> str:
    """What the processor is called."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text().splitlines() if described.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
