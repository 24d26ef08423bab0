"""ministack, an emulator of AWS: in a venv of its own, on the loopback interface only.

It authenticates nobody unless asked, and it can run code. So it is bound to 127.0.0.1
(`BIND_HOST`; `HOST` is ignored), without Lambda, on a free port, with a secret of its own, and
whoever starts it here checks where it listens.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.machine import free_port
from tests.tls import certified

VERSION = "1.5.33"
VENV = Path(__file__).parents[2] / ".cache" / "ministack"
SERVICES = ("dynamodb", "dynamodbstreams", "iam", "s3", "secretsmanager", "sns", "sqs", "sts")
START_SECONDS = 60
LISTENING = "0A"


@dataclass(frozen=True)
class Emulator:
    """Where it is."""

    endpoint: str
    port: int
    trust: Path | None = None
    """The file with its certificate, where it speaks TLS."""


def install() -> Path:
    """The program; installed at first use, whole or not at all."""
    program = VENV / "bin" / "ministack"
    marker = VENV / f".installed-{VERSION}"
    if not marker.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
        python = VENV / "bin" / "python"
        wanted = f"ministack=={VERSION}"
        subprocess.run([python, "-m", "pip", "install", "--quiet", wanted], check=True)
        marker.touch()
    return program


@contextmanager
def emulator(
    folder: Path, credentials: Mapping[str, str], *more_services: str, tls: bool = False
) -> Iterator[Emulator]:
    """A running emulator, gone when the block ends. With `tls`, `trust` says who it is."""
    port = free_port()
    trust = certified(folder, "localhost")[1] if tls else None
    with (folder / "ministack.log").open("wb") as log:
        process = subprocess.Popen(
            [install()],
            env={
                **_environment(folder, port, credentials),
                "SERVICES": ",".join((*SERVICES, *more_services)),
                **(_certificate(trust) if trust else {}),
            },
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        endpoint = f"https://localhost:{port}" if trust else f"http://127.0.0.1:{port}"
        _await_ready(process, endpoint, folder / "ministack.log", trust)
        yield Emulator(endpoint, port, trust)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def listening_addresses(port: int) -> set[str]:
    """The local addresses on which somebody on this machine listens at that port."""
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    rows += Path("/proc/net/tcp6").read_text().splitlines()[1:]
    sockets = [(row.split()[1].split(":"), row.split()[3]) for row in rows]
    return {
        _address(address)
        for (address, hex_port), state in sockets
        if state == LISTENING and int(hex_port, 16) == port
    }


def _address(text: str) -> str:
    if len(text) > 8:
        return f"IPv6 {text}"
    return socket.inet_ntoa(bytes.fromhex(text)[::-1])


def _environment(folder: Path, port: int, credentials: Mapping[str, str]) -> dict[str, str]:
    return {
        **credentials,
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "STATE_DIR": str(folder),
        "S3_DATA_DIR": str(folder),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "AUTH": "true",
        "LOG_LEVEL": "WARNING",
    }


def _certificate(trust: Path) -> dict[str, str]:
    key = str(trust.with_name("key.pem"))
    return {"USE_SSL": "1", "MINISTACK_SSL_CERT": str(trust), "MINISTACK_SSL_KEY": key}


def _await_ready(
    process: subprocess.Popen[bytes], endpoint: str, log: Path, trust: Path | None
) -> None:
    verify = str(trust) if trust else True
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        try:
            told = requests.get(f"{endpoint}/_ministack/health", timeout=5, verify=verify)
            told.raise_for_status()
        except requests.RequestException:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"ministack did not start:\n{log.read_text()}")
