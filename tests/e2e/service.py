"""The whole system as a stranger starts it: `python -m local up`, in a folder of its own."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LOCAL = (sys.executable, "-m", "local")
START_SECONDS = 60
STOP_SECONDS = 30


@contextmanager
def running(folder: Path, *options: str) -> Iterator[str]:
    """Its address, for as long as it runs."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}/"
    log = folder / "log"
    command = [*LOCAL, "up", "--port", str(port), "--data", str(folder), *options]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)
        try:
            _wait_until_ready(url, process, log)
            yield url
        finally:
            _stop(process)


def make_key(folder: Path) -> str:
    """A new API key for what runs in that folder."""
    command = [*LOCAL, "keys", "create", "--data", str(folder), "--name", "test"]
    made = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return made.stdout.strip()


def ask(url: str) -> Any:
    """What the API answers to a GET; None where there is nothing."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        error.close()
        return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            if ask(url + "health"):
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"it did not start:\n{log.read_text(errors='replace')[-4000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ctrl-C; what is still there after a while is killed."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
