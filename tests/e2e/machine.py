"""A whole machine under a test's hands: `python -m local up` with the tests' models."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
QUICK = {"ATELIER_VISIBILITY": "2", "ATELIER_HEARTBEAT": "0.3"}


class Machine:
    """`python -m local up` with models of the tests, to be killed whole."""

    def __init__(self, data: Path, **environment: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.data = data
        self.environment = QUICK | environment
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "local", "up", "--port", str(self.port)]
        chosen = ["--data", str(self.data), "--workers", "2", "--models", "tests.own_models"]
        environment = os.environ | self.environment
        self.process = subprocess.Popen([*command, *chosen], cwd=ROOT, env=environment)
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
