"""A client that costs next to nothing: what is measured is the system, not its caller."""

import re
import socket
from urllib.parse import urlsplit

from tests.bench.talks import Call, Refused, T, Talk

PATIENCE = 120.0
READ_BYTES = 2**18
HEAD_END = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


class Connection:
    """One HTTP/1.1 connection that is kept alive."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host = parts.netloc
        self._socket = socket.create_connection((parts.hostname, parts.port), PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._came = b""

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, call: Call) -> None:
        head = f"{call.method} {call.path} HTTP/1.1\r\nHost: {self._host}\r\n"
        if call.body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(call.body)}\r\n"
        self._socket.sendall(head.encode() + b"\r\n" + call.body)

    def read(self) -> bytes | None:
        """Take what has come: the body of the answer, a success, once all of it is here."""
        came = self._socket.recv(READ_BYTES)
        if not came:
            raise Refused("the connection was closed")
        self._came += came
        head, ended, body = self._came.partition(HEAD_END)
        length = LENGTH.search(head)
        if not ended or (length and len(body) < int(length[1])):
            return None
        self._came = b""
        if not head.startswith(b"HTTP/1.1 2"):
            raise Refused(f"{head!r} {body[:300]!r}")
        return body

    def call(self, call: Call) -> bytes:
        """The body of the answer."""
        self.send(call)
        while (answer := self.read()) is None:
            pass
        return answer

    def hold(self, talk: Talk[T]) -> T:
        """The talk, to its end."""
        try:
            call = next(talk)
            while True:
                call = talk.send(self.call(call))
        except StopIteration as ended:
            outcome: T = ended.value
            return outcome

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
