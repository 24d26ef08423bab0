"""What a call to AWS costs of the processor: `python -m tests.bench.calls [--json]`

Through the adapters to a stub of the wire in a process of its own, which answers at once: with
botocore making every call, and by `shared.aws.wire`. The two take turns; a figure is the median of
the rounds.
"""

import os
import time
from collections.abc import Callable
from itertools import count
from statistics import median
from unittest.mock import patch

from shared.aws import cloud
from shared.aws.clients import Clients
from shared.ports import Blob
from shared.records import PulseRecord
from shared.settings import Settings
from shared.system import System
from tests.bench.figures import Found, parser, say
from tests.bench.wire_stub.running import CREDENTIALS, Wire, wire_stub

TIMES, ROUNDS = 100, 7
GIVEN, ARTWORK, THUMBNAIL, MANIFEST = (
    Blob(name, os.urandom(size), "image/png")
    for name, size in (("given", 200_000), ("made", 400_000), ("small", 30_000), ("told", 1_000))
)
LANE = "standard-interactive"

numbers = map(str, count())

CALLS: dict[str, Callable[[System], object]] = {
    "get an item": lambda system: system.table.get(PulseRecord, "0"),
    "put an item": lambda system: system.table.put(PulseRecord(job=next(numbers), attempt=1)),
    "receive": lambda system: system.queue(LANE).receive(10, 60),
    "get a blob, 200 kB": lambda system: system.artworks.get(GIVEN.key),
    "put a blob, 1 kB": lambda system: system.artworks.put_all([MANIFEST]),
    "put a blob, 400 kB": lambda system: system.artworks.put_all([ARTWORK]),
    "put all of an artwork": lambda system: system.artworks.put_all([ARTWORK, THUMBNAIL, MANIFEST]),
}


def measure(times: int = TIMES) -> Found:
    """Milliseconds of CPU by way and call."""
    with patch.dict(os.environ, CREDENTIALS), wire_stub() as wire:
        ways = {"botocore": connected(wire, sdk=True), "wire": connected(wire, sdk=False)}
        ways["wire"].artworks.put_all([GIVEN])
        taken: dict[str, dict[str, list[float]]] = {
            way: {name: [] for name in CALLS} for way in ways
        }
        for _ in range(1 + ROUNDS):
            for name, call in CALLS.items():
                for way, system in ways.items():
                    taken[way][name].append(cpu_ms(call, system, times))
    return {
        way: {name: round(median(rounds[1:]), 2) for name, rounds in every.items()}
        for way, every in taken.items()
    }


def connected(wire: Wire, sdk: bool) -> System:
    clients = Clients(wire.plain)
    if sdk:
        clients.wire = None
    settings = Settings(aws_endpoint=wire.plain, queues={LANE: f"{wire.plain}/0/{LANE}"})
    return cloud(settings, clients)


def cpu_ms(call: Callable[[System], object], system: System, times: int) -> float:
    """Of this process, for one of so many calls."""
    begun = time.process_time()
    for _ in range(times):
        call(system)
    return (time.process_time() - begun) / times * 1e3


def main() -> None:
    """Measure and print."""
    arguments = parser(__doc__)
    arguments.add_argument("--times", type=int, default=TIMES, help="a round")
    chosen = arguments.parse_args()
    found = measure(chosen.times)
    lines = [f"{'ms of CPU':22}" + "".join(f"{way:>12}" for way in found)]
    lines += [
        f"{name:22}" + "".join(f"{found[way][name]:12.2f}" for way in found) for name in CALLS
    ]
    say(found, chosen.json, *lines)


if __name__ == "__main__":
    main()
