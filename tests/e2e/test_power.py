"""The plug is pulled: every process killed at once, again and again, and all jobs still end."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).parents[2]
JOBS = 60
CUTS = 4


class Machine:
    """`python -m local up` with models of the tests, to be killed whole."""

    def __init__(self, data: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.data = data
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "local", "up", "--port", str(self.port)]
        chosen = ["--data", str(self.data), "--workers", "2", "--models", "tests.own_models"]
        quick = {"ATELIER_VISIBILITY": "2", "ATELIER_HEARTBEAT": "0.3"}
        self.process = subprocess.Popen([*command, *chosen], cwd=ROOT, env=os.environ | quick)
        give_up = time.monotonic() + 30
        while True:
            try:
                self.ask("/health")
                return
            except OSError:
                assert time.monotonic() < give_up
                time.sleep(0.1)

    def cut(self) -> None:
        """SIGKILL to every process, the supervisor first."""
        assert self.process is not None
        everyone = [psutil.Process(self.process.pid)]
        everyone += everyone[0].children(recursive=True)
        for process in everyone:
            process.send_signal(signal.SIGKILL)
        psutil.wait_procs(everyone, 10)
        self.process.wait()

    def ask(self, path: str, body: Any = None, **headers: str) -> Any:
        data = None if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(
            self.url + path, data, {"Content-Type": "application/json", **named}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def jobs(self) -> list[Any]:
        page = self.ask("/v1/jobs")
        found = page["items"]
        while page["next"]:
            page = self.ask(f"/v1/jobs?cursor={page['next']}")
            found += page["items"]
        return found


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "data")
    machine.start()
    yield machine
    machine.cut()


@pytest.mark.slow
def test_all_jobs_end_once_however_often_everything_is_killed(machine: Machine) -> None:
    chance = random.Random(7)
    body = {"model": "plain", "input": {}, "count": 3, "params": {"seconds": 0.2}}
    for number in range(JOBS):
        machine.ask("/v1/jobs", body, Idempotency_Key=str(number))
    for _ in range(CUTS):
        time.sleep(chance.uniform(0.2, 2.0))
        machine.cut()
        machine.start()
    for number in range(JOBS):  # as clients do who lost an answer
        machine.ask("/v1/jobs", body, Idempotency_Key=str(number))
    give_up = time.monotonic() + 120
    while any(not job["ended_at"] for job in machine.jobs()):
        assert time.monotonic() < give_up
        time.sleep(0.5)
    jobs = machine.jobs()
    assert len(jobs) == JOBS
    assert {job["status"] for job in jobs} == {"succeeded"}
    for job in jobs:
        assert [artwork["index"] for artwork in job["artworks"]] == [0, 1, 2]
        for artwork in job["artworks"]:
            with urllib.request.urlopen(artwork["url"], timeout=10) as answer:
                assert sha256(answer.read()).hexdigest() == artwork["sha256"]
