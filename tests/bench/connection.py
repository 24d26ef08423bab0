"""A client that costs next to nothing: what is measured is the system, not its caller."""

import json
import socket
from typing import Any
from urllib.parse import urlsplit

ENDED = frozenset({"succeeded", "failed", "canceled", "expired"})
PATIENCE = 120.0
PNG = b"\x89PNG"


class Refused(Exception):
    """An answer that the benchmark does not expect."""


class Connection:
    """One HTTP/1.1 connection that is kept alive, and the calls of the API on it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.netloc
        self._socket = socket.create_connection((parts.hostname, parts.port), PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._answers = self._socket.makefile("rb")

    def call(self, method: str, path: str, body: bytes = b"") -> bytes:
        """The body of the answer, which is to be a success."""
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Length: {len(body)}\r\n"
        self._socket.sendall(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
        status, length = self._answers.readline(), 0
        while (line := self._answers.readline()) not in (b"\r\n", b""):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        answer = self._answers.read(length)
        if not status.startswith(b"HTTP/1.1 2"):
            raise Refused(f"{method} {path}: {status!r} {answer[:300]!r}")
        return answer

    def submit(self, model: str, **wish: Any) -> str:
        """The new job's id."""
        body = json.dumps({"model": model, "input": {}, **wish}).encode()
        return str(json.loads(self.call("POST", "/v1/jobs", body))["id"])

    def ended(self, job_id: str) -> dict[str, Any]:
        """The job, as soon as it has succeeded."""
        while True:
            job: dict[str, Any] = json.loads(self.call("GET", f"/v1/jobs/{job_id}?wait=20"))
            if job["status"] in ENDED:
                if job["status"] != "succeeded":
                    raise Refused(f"{job}")
                return job

    def artwork(self, job: dict[str, Any]) -> bytes:
        """Its first artwork, by its signed URL."""
        parts = urlsplit(job["artworks"][0]["url"])
        picture = self.call("GET", f"{parts.path}?{parts.query}")
        if not picture.startswith(PNG):
            raise Refused(f"no picture: {picture[:100]!r}")
        return picture

    def close(self) -> None:
        self._answers.close()
        self._socket.close()

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
