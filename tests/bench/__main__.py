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
APART = ("pipeline", "calls", "encode", "coldstart", "fleet")


def main() -> None:
    """Run them, or those that are named; the figures of the others stay as they were."""
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", help="of " + ", ".join((*ON_A_MACHINE, *APART)))
    parser.add_argument("--peers", default="", help="of " + ",".join(PEERS))
    chosen = parser.parse_args()
    with workplace() as folder:
        failed = [
            name
            for name in chosen.names or (*ON_A_MACHINE, *APART)
            if not measured(name, options(name, folder, chosen.peers))
        ]
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def options(name: str, folder: Path, peers: str) -> list[str]:
    if name == "fleet":
        return ["--sweep", "--picture", str(HERE / "fleet.png")]
    if name not in ON_A_MACHINE:
        return []
    where = ["--folder", str(folder / name)]
    return [*where, "--peers", peers] if name == "throughput" else where


def measured(name: str, options: list[str]) -> bool:
    """Run a benchmark; its figures are kept at once, whatever becomes of the next one."""
    found = run(name, options)
    if found is None:
        return False
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results[name] = found | {"measured": stamp()}
    RESULTS.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
    README.write_text(update(README.read_text(), {name: results[name]}))
    draw(results, PLOT)
    return True


def run(name: str, options: list[str]) -> Found | None:
    """One benchmark's figures, if it does not fail; what it says for a person is shown as it
    comes."""
    print(f"== {name}", flush=True)
    command = [sys.executable, "-m", f"tests.bench.{name}", "--json", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        last = ""
        for line in running.stdout:
            print(last, end="", flush=True)
            last = line
    if running.returncode:
        print(f"{last}{name} has failed", flush=True)
        return None
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
