"""Answers that can neither drip for ever nor flood us.

A timeout of a socket bounds one read only, and a length that a server states (a chunk of -1 bytes,
say) is believed by `http.client`. So each single read is measured where it happens: on the socket.
"""

import io
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

from shared.errors import InputError

READ_SECONDS = 10.0


class UrlError(InputError):
    """The URL gave nothing. `code` says why: `url_refused`, `url_unreachable`, `url_timeout`,
    `url_status`, `url_redirects` or `url_too_large`. The message never holds more than the host.
    """

    def __init__(self, code: str, message: str, retryable: bool = False) -> None:
        super().__init__(message, code=code)
        self.retryable = retryable


@dataclass(frozen=True)
class Deadline:
    """A moment on the monotonic clock by which all must be done."""

    moment: float

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        return cls(time.monotonic() + seconds)

    def left(self) -> float:
        """The seconds that are left; raises when there are none."""
        left = self.moment - time.monotonic()
        if left <= 0:
            raise UrlError("url_timeout", "the server took too long", retryable=True)
        return left


class Meter(io.RawIOBase):
    """What comes from a socket, until the deadline and up to so many bytes."""

    def __init__(
        self, raw: io.RawIOBase, sock: socket.socket, deadline: Deadline, most_bytes: int
    ) -> None:
        self._raw = raw
        self._sock = sock
        self._deadline = deadline
        self._left = most_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(min(READ_SECONDS, self._deadline.left()))
        count: int | None = self._raw.readinto(buffer)
        self._left -= count or 0
        if self._left < 0:
            raise UrlError("url_too_large", "the answer is too long")
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


def metered(
    deadline: Deadline, most_bytes: int, at_end: Callable[[Callable[[], None]], object]
) -> type[HTTPResponse]:
    """A `response_class` for `http.client`, whose answers keep to these bounds and, by `at_end`,
    are closed."""

    class Answer(HTTPResponse):
        def __init__(self, sock: socket.socket, *given: Any, **named: Any) -> None:
            super().__init__(sock, *given, **named)
            self.fp = io.BufferedReader(Meter(self.fp.detach(), sock, deadline, most_bytes))
            at_end(self.close)  # where its head is nonsense, nobody else closes it

    return Answer
