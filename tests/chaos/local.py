"""The embedded system as a stage: `python -m local up` on a small disk and under a false clock."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from shared.bootstrap import assemble
from shared.settings import Settings
from tests.chaos.faults.control import Faults
from tests.chaos.stage import Role, Target
from tests.machine import free_port
from tests.small_disk import SmallDisk, may_mount
from tests.wall_clock import WallClock

ROOT = Path(__file__).parents[2]
MODELS = "tests.own_models"
START_SECONDS, LOOK_SECONDS = 60.0, 0.2
DEATH = re.compile(r"^(?P<name>\S+) (?P<how>ended with status \d+|was ended by \w+);")
ALLOWED = ("was ended by SIGKILL", "was ended by SIGTERM", "ended with status 0")
"""SIGTERM ends a process that is still starting, as a spot notice may find it."""
COMMANDS: dict[str, Role] = {"local.front": "front", "local.pump": "pump", "gpu_worker": "worker"}


class Local:
    """One machine. The supervisor starts again whichever of its children dies."""

    tenant = "local"

    def __init__(
        self,
        folder: Path,
        faults: Faults,
        workers: int,
        disk_mebibytes: int,
        tries: int,
        visibility: float,
    ) -> None:
        self.faults = faults
        self.headers: Mapping[str, str] = {}
        self._folder, self._workers = folder, workers
        self._tries, self._visibility = tries, visibility
        self._said = folder / "said.log"
        self.disk = small_disk(folder / "disk", disk_mebibytes)
        self.data = folder / "disk" / "data"
        self.drops: Path | None = self.data / "drops" / self.tenant
        self._clock = WallClock(folder / "clock")
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._supervisor: subprocess.Popen[bytes] | None = None
        self.system = assemble(self._settings())

    def start(self) -> None:
        give_up = time.monotonic() + START_SECONDS
        while not (self._runs() and self._answers()):  # a front may outlive its supervisor
            if not self._runs():
                self._launch()
            if time.monotonic() > give_up:
                raise TimeoutError(
                    f"the system does not start; {self._said} ends with {self._tail()}"
                )
            time.sleep(LOOK_SECONDS)

    def stop(self) -> None:
        try:
            self._kill_all()
        finally:
            if self.disk:
                self.disk.unmount()

    def keep(self) -> Path:
        shutil.copytree(
            self.data, self._folder / "kept", ignore=shutil.ignore_patterns("bells", ".scratch")
        )
        return self._folder

    def targets(self) -> list[Target]:
        if self._supervisor is None or not self._runs():
            return []
        found = [Target("supervisor", self._supervisor.pid)]
        with suppress(psutil.Error):
            for child in psutil.Process(self._supervisor.pid).children():
                command = child.cmdline()
                module = next((word for word in command if word in COMMANDS), None)
                if module and command[-1] != "--json":
                    found.append(Target(COMMANDS[module], child.pid))
        return found

    def power_cut(self) -> int:
        killed = self._kill_all()
        self.start()
        return killed

    def move_clock(self, seconds: float) -> None:
        self._clock.shift(seconds)

    def deaths(self) -> list[str]:
        said = self._said.read_text(errors="replace").splitlines()
        exits = [found for line in said if (found := DEATH.match(line))]
        return [found[0] for found in exits if found["how"] not in ALLOWED]

    def told(self) -> Iterator[tuple[str, Any]]:
        for name in ("events.1.jsonl", "events.jsonl"):
            path = self.data / name
            for line in path.read_bytes().splitlines() if path.exists() else ():
                with suppress(ValueError):  # a line that a full disk has torn
                    told = json.loads(line)
                    yield told["id"], told["event"]

    def _settings(self) -> Settings:
        return Settings(data=self.data, public_url=self.url, default_model="plain", disk_reserve=0)

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            **self.faults.environment(),
            **self._clock.environment(),
            "ATELIER_VISIBILITY": str(self._visibility),
            "ATELIER_HEARTBEAT": "0.3",
            "ATELIER_MAX_TRIES": str(self._tries),
            "ATELIER_DEFAULT_MODEL": "plain",
            "ATELIER_DISK_RESERVE": "4",
            "ATELIER_ALLOW_NETWORKS": "127.0.0.0/8",
        }

    def _launch(self) -> None:
        chosen = ["--data", str(self.data), "--port", str(self._port), "--models", MODELS]
        command = [sys.executable, "-m", "local", "up", *chosen, "--workers", str(self._workers)]
        with self._said.open("ab") as said:
            self._end_supervisor()
            self._supervisor = subprocess.Popen(
                command, cwd=ROOT, env=self._environment(), stdout=said, stderr=said
            )

    def _runs(self) -> bool:
        return self._supervisor is not None and self._supervisor.poll() is None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                return True
        except urllib.error.HTTPError:
            return True  # it says that it is not ready, but it is up
        except OSError:
            return False

    def _kill_all(self) -> int:
        everyone = list(self._everyone())
        for process in everyone:
            with suppress(psutil.Error):
                process.kill()
        self._end_supervisor()
        psutil.wait_procs(everyone, 10)
        return len(everyone)

    def _end_supervisor(self) -> None:
        """The dead are buried."""
        if self._supervisor:
            self._supervisor.wait()
            self._clock.clean(self._supervisor.pid)

    def _everyone(self) -> Iterator[psutil.Process]:
        """Every process of the system, those too whose supervisor is dead."""
        mine = self.faults.environment()["CHAOS_FAULTS"]
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("CHAOS_FAULTS") == mine:
                    yield process

    def _tail(self) -> str:
        return self._said.read_text(errors="replace")[-2000:]


def small_disk(folder: Path, mebibytes: int) -> SmallDisk | None:
    """One that can be filled, where one can be made; none anywhere but in CI does without."""
    if may_mount():
        return SmallDisk(folder, mebibytes)
    if os.environ.get("CI"):
        raise PermissionError("no small disk can be mounted, so that it would never be full")
    print("NOT ROOT: no small disk can be mounted, AND NONE WILL BE FULL", file=sys.stderr)
    return None
