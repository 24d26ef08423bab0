"""One machine's system, for real: `python -m local up` in a folder, its processes and its HTTP."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import MappingProxyType
from typing import IO, Any

import httpx

ROOT = Path(__file__).parents[1]
PHOTO = (ROOT / "local" / "sample.jpg").read_bytes()
NAMES = ("local.front", "local.pump", "gpu_worker")
OWN_MODELS = ("--models", "tests.own_models")
READY = re.compile(r"ready: http://\S+:(\d+)/ ")
START_SECONDS = 60


class Client:
    """What a client asks of the API."""

    url: str
    headers: Mapping[str, str] = MappingProxyType({})
    """Who it is."""

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {**self.headers, **options.pop("headers", {})}
        where = httpx.URL(self.url).join(path)
        return httpx.request(method, where, timeout=30, headers=headers, **options)

    def ticket(self, **wish: Any) -> dict[str, Any]:
        body = {"content_type": "image/jpeg", "size": len(PHOTO), **wish}
        answered = self.call("POST", "/v1/uploads", json=body)
        assert answered.status_code == 201, answered.text
        ticket: dict[str, Any] = answered.json()
        return ticket

    def submit(self, model: str = "plain", **wish: Any) -> str:
        body = {"model": model, "input": {"text": "a cat"}, **wish}
        answered = self.call("POST", "/v1/jobs", json=body)
        assert answered.status_code == 202, answered.text
        return str(answered.json()["id"])

    def job(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"/v1/jobs/{job_id}").json()
        return found

    def until(self, job_id: str, status: str, seconds: float = 60) -> dict[str, Any]:
        """The job, once it has come to that."""
        wait_until(lambda: self.job(job_id)["status"] == status, seconds)
        return self.job(job_id)


@dataclass
class Running(Client):
    """A started system."""

    process: "subprocess.Popen[str]"
    url: str
    data: Path
    log: Path
    """What the supervisor says."""

    def children(self) -> dict[str, int]:
        """The process ids of the three, by module."""
        pids = (self.data / "lock").read_text().split()
        named = {command(int(pid)): int(pid) for pid in pids}
        return {name: pid for text, pid in named.items() for name in NAMES if name in text}

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)

    def cut(self) -> None:
        """SIGKILL to all, the supervisor first, or it would start the others again."""
        self.process.kill()
        kill_all(self.data)
        self.process.wait()


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except (FileNotFoundError, ProcessLookupError):
        return ""


def processes_of(data: Path) -> list[int]:
    """Every process whose environment names this data folder."""
    mark = f"ATELIER_DATA={data}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if folder.name.isdigit() and mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found


def kill_all(data: Path) -> None:
    for pid in processes_of(data):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def wait_until(done: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.05)


def keys(data: Path, *words: str) -> str:
    """What `python -m local keys` says of that folder."""
    asked = [sys.executable, "-m", "local", "keys", *words, "--data", str(data)]
    told = subprocess.run(asked, cwd=ROOT, check=True, capture_output=True, text=True)
    return told.stdout.strip()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(
    data: Path, *options: str, output: int | IO[bytes] = subprocess.PIPE, **environment: str
) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "local", "up", "--data", str(data), "--port", "0", *options],
        cwd=ROOT,
        env={name: text for name, text in os.environ.items() if not name.startswith("ATELIER_")}
        | {"ATELIER_DRAIN": "2", **environment},
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
    )


@contextlib.contextmanager
def running(data: Path, *options: str, **environment: str) -> Iterator[Running]:
    with NamedTemporaryFile(prefix="atelier-", suffix=".log") as output:
        process = start(data, *options, output=output, **environment)
        log = Path(output.name)
        try:
            yield Running(process, ready_url(process, log), data, log)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.wait(30)
            kill_all(data)


def ready_url(process: "subprocess.Popen[str]", log: Path) -> str:
    """Where it is reached from here, once it has said that it is ready."""
    give_up = time.monotonic() + START_SECONDS
    while not (ready := READY.search(log.read_text())):
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < give_up, log.read_text()
        time.sleep(0.05)
    return f"http://127.0.0.1:{ready[1]}"
