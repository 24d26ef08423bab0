"""One HTTP/1.1 connection to AWS, as far as the hot calls need it.

It understands an answer that states its length. What comes otherwise is `Strange`: the SDK may.
"""

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ssl import SSLContext

LASTING = "HTTP/1.1 "
KNOWN = (LASTING, "HTTP/1.0 ")
READ_BYTES = 2**16
MOST_HEAD = 2**16
JOINED = 2**14
"""A body up to this size goes out with its head."""


class Strange(Exception):
    """An answer that is cut off, or of another kind."""


@dataclass(frozen=True)
class Answer:
    """The names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connection:
    """Asks and answers take turns. It closes itself where one fails."""

    def __init__(
        self, host: str, port: int, trust: SSLContext | None, patience: tuple[float, float]
    ) -> None:
        """`patience` is the seconds to connect, and those to wait for an answer."""
        connect, read = patience
        self._socket = socket.create_connection((host, port), connect)
        self.open = True
        with self._closed_by_failure():
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if trust:
                self._socket = trust.wrap_socket(self._socket, server_hostname=host)
            self._socket.settimeout(read)

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        """Raises `OSError`."""
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {headers[name]}" for name in headers)]
        if body or method != "GET":
            lines.append(f"content-length: {len(body)}")
        with self._closed_by_failure():
            head = _head(lines)
            if len(body) <= JOINED:
                self._socket.sendall(head + body)
            else:
                self._socket.sendall(head)
                self._socket.sendall(body)

    def answer(self) -> Answer:
        """Raises `OSError` or `Strange`."""
        with self._closed_by_failure():
            head, body = self._to_body()
            status, *lines = head.decode("latin-1").split("\r\n")
            pairs = (line.partition(":") for line in lines)
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            version, code, length = status[:9], status[9:12], headers.get("content-length", "")
            if version not in KNOWN or not code.isdecimal() or not length.isdecimal():
                raise Strange(status)
            answer = Answer(int(code), headers, self._body(body, int(length)))
        if version != LASTING or headers.get("connection", "").lower() == "close":
            self.close()
        return answer

    def close(self) -> None:
        self.open = False
        self._socket.close()

    @contextmanager
    def _closed_by_failure(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise

    def _to_body(self) -> tuple[bytes, bytes]:
        """The head, and what has come behind it."""
        came = b""
        while b"\r\n\r\n" not in came:
            came += self._read(READ_BYTES)
            if len(came) > MOST_HEAD + READ_BYTES:
                raise Strange("a head without an end")
        head, _, rest = came.partition(b"\r\n\r\n")
        return head, rest

    def _body(self, came: bytes, length: int) -> bytes:
        parts, left = [came], length - len(came)
        while left > 0:
            parts.append(self._read(min(left, 2**20)))
            left -= len(parts[-1])
        if left < 0:
            raise Strange("more than was announced")
        return b"".join(parts)

    def _read(self, most: int) -> bytes:
        data = self._socket.recv(most)
        if not data:
            raise Strange("it ends too soon")
        return data


def _head(lines: Sequence[str]) -> bytes:
    text = "\r\n".join([*lines, "", ""])
    if not text.count("\r") == text.count("\n") == len(lines) + 1:
        raise ValueError("a header with a line break")
    return text.encode("latin-1")
