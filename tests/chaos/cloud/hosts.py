"""The hosts of the system: what runs on each, and by which clock."""

import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from local.child import Program
from shared.settings import Settings, environment
from tests.chaos.faults.control import Faults
from tests.chaos.local import MODELS, ROOT
from tests.contract.conftest import CREDENTIALS
from tests.wall_clock import WallClock

FRONTS = 2
MOST_SKEW = 240.0
"""AWS refuses what is signed by a clock that is five minutes wrong."""


class Hosts:
    """Programs for a keeper. All but the wire meet with faults, each has a clock of its own."""

    def __init__(self, folder: Path, faults: Faults, settings: Settings) -> None:
        self._folder, self._faults, self._settings = folder, faults, settings
        self._clocks: list[WallClock] = []
        self._chance = random.Random(str(faults.folder))
        (folder / "log").mkdir(parents=True, exist_ok=True)

    def wire(self, listening: socket.socket, upstream: int) -> Program:
        """It is no part of the system, and nothing happens to it."""
        given = (str(listening.fileno()), str(upstream), str(self._faults.folder), "0")
        return self._program("wire", ("tests.chaos.cloud.wire", *given), listening)

    def system(self, listening: socket.socket, endpoint: str, workers: int) -> Iterator[Program]:
        """The fronts, the pump and the workers."""
        front = ("tests.chaos.cloud.front", str(listening.fileno()))
        for n in range(FRONTS):
            yield self._program(f"front-{n}", front, listening, self._host(f"front-{n}"))
        pump = ("tests.chaos.cloud.pump", endpoint, str(self._folder / "read_to"))
        yield self._program("pump", pump, None, self._host("pump"))
        for n in range(workers):
            name = f"worker-{n}"
            yield self._program(name, ("gpu_worker", "run"), None, self._host(name))

    def skew(self, wrong: bool) -> None:
        """Put each clock wrong, by as much as chance will have it, or right."""
        for clock in self._clocks:
            clock.shift(self._chance.uniform(-MOST_SKEW, MOST_SKEW) if wrong else 0)

    def _host(self, name: str) -> Mapping[str, str]:
        clock = WallClock(self._folder / f"clock-{name}")
        self._clocks.append(clock)
        return self._faults.environment() | clock.environment()

    def _program(
        self,
        name: str,
        module: tuple[str, ...],
        listening: socket.socket | None,
        host: Mapping[str, str] | None = None,
    ) -> Program:
        return Program(
            name=name,
            command=(sys.executable, "-m", *module),
            environment={**environment(self._settings), **CREDENTIALS, **(host or {})},
            log=self._folder / "log" / f"{name}.log",
            tells_ready=False,
            patience=0,
            keeps=(listening.fileno(),) if listening else (),
        )


def describe_models(folder: Path) -> Path:
    """The catalogue with the suite's models."""
    catalogue = folder / "catalogue.json"
    command = (sys.executable, "-m", "gpu_worker", "models", "--json")
    given = {**os.environ, "ATELIER_MODELS": MODELS}
    told = subprocess.run(command, env=given, cwd=ROOT, capture_output=True, check=True)
    catalogue.write_bytes(told.stdout)
    return catalogue
