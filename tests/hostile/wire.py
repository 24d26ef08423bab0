"""Raw bytes to a front, and what came back: no HTTP client stands between, none would send this."""

import json
import re
import socket
import time
from dataclasses import dataclass
from typing import Any

GIVE_UP_SECONDS = 60.0
STALL_SECONDS = 0.3
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


@dataclass(frozen=True)
class Exchange:
    """What is sent in one connection."""

    kind: str
    parts: tuple[bytes, ...]
    answers: int = 1
    """How many answers must come; 0 where the request is not whole, or is not HTTP."""
    leave: bool = False
    """Close at once, without reading."""
    head: bool = False
    """An answer to HEAD names a length and has no body."""


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    media_type: str
    body: bytes

    @property
    def problem(self) -> Any:
        """The problem that it tells, if any."""
        told = self.body and self.media_type == "application/problem+json"
        return json.loads(self.body) if told else None


@dataclass(frozen=True)
class Outcome:
    """What became of an exchange."""

    exchange: Exchange
    answers: tuple[Answer, ...]
    closed: bool
    """By the other side."""


def send(address: tuple[str, int], exchange: Exchange) -> Outcome:
    """Have the exchange in a connection of its own."""
    with socket.create_connection(address, GIVE_UP_SECONDS) as connection:
        if not _say(connection, exchange.parts) and not exchange.parts:
            return Outcome(exchange, (), True)
        if exchange.leave:
            return Outcome(exchange, (), False)
        return _listen(connection, exchange)


def _say(connection: socket.socket, parts: tuple[bytes, ...]) -> bool:
    """Whether all of it could be sent: the other side may have heard enough before the end."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        for part in parts:
            connection.sendall(part)
    except OSError:
        return False
    return True


def _listen(connection: socket.socket, exchange: Exchange) -> Outcome:
    """Until every answer has come, the other side closes, or patience ends."""
    heard, closed = b"", False
    patience = GIVE_UP_SECONDS if exchange.answers else STALL_SECONDS
    end = time.monotonic() + patience
    answers = read(heard, exchange.head)
    while not closed and time.monotonic() < end:
        if exchange.answers and len(answers) >= exchange.answers:
            break
        connection.settimeout(max(0.01, end - time.monotonic()))
        try:
            more = connection.recv(65536)
        except TimeoutError:
            break
        except OSError:
            more = b""
        closed, heard = not more, heard + more
        answers = read(heard, exchange.head)
    return Outcome(exchange, tuple(answers), closed)


def read(heard: bytes, head: bool = False) -> list[Answer]:
    """The whole answers at the beginning of what was heard; `100 Continue` is none."""
    answers = []
    while b"\r\n\r\n" in heard:
        top, _, rest = heard.partition(b"\r\n\r\n")
        status = int(top.split(b" ", 2)[1])
        found = LENGTH.search(top + b"\r\n")
        size = int(found[1]) if found and not head and status not in (204, 304) else 0
        if len(rest) < size:
            break
        if status != 100:
            answers.append(Answer(status, _media_type(top), rest[:size]))
        heard = rest[size:]
    return answers


def _media_type(top: bytes) -> str:
    for line in top.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-type":
            return value.strip().decode("latin-1")
    return ""
