"""The stub as a process of its own."""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

BACKLOG = 256
LATENCY = (30.0, 50.0)
"""Milliseconds, drawn evenly between them."""

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""What its clients sign with, so that no real ones are ever looked for."""

Journal = dict[str, tuple[int, float, float]]
"""How often each operation was called, and when it first and last took effect."""


@dataclass(frozen=True)
class Wire:
    """Where the stub is reached."""

    plain: str
    delayed: str

    def journal(self) -> Journal:
        with urllib.request.urlopen(f"{self.plain}/-/journal") as answer:
            return {name: tuple(noted) for name, noted in json.load(answer).items()}


@contextmanager
def wire_stub(least: float = LATENCY[0], most: float = LATENCY[1]) -> Iterator[Wire]:
    """A stub without contents, which ends with the block or with this process."""
    command = [sys.executable, "-m", "tests.bench.wire_stub"]
    with listen() as plain, listen() as delayed:
        given = [plain.fileno(), delayed.fileno()]
        arguments = [str(value) for value in (*given, least, most)]
        process = subprocess.Popen([*command, *arguments], pass_fds=given, stdin=subprocess.PIPE)
        try:
            yield Wire(url_of(plain), url_of(delayed))
        finally:
            process.kill()
            process.wait()
            if process.stdin:
                process.stdin.close()


def listen() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)


def url_of(listening: socket.socket) -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}"
