"""A connection that gives up on clients that are slow, or boundless, or do not read.

A request's body is the application's to time, for as long as it is not answered.
"""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from local.answer_transport import AnswerTransport
from local.problems import document

MAX_HEAD_BYTES = 16 * 1024
"""API Gateway takes 10,240 bytes of headers; signed URLs with long names need some more."""
HEAD_SECONDS = 10.0
LINGER_SECONDS = 10.0
"""For the rest of a body whose request has been answered already."""
READ_SECONDS = 30.0
"""For a client to take something of what waits for it."""


class Connection(HttpToolsProtocol):
    """uvicorn's, with limits on a request's head and on the time that a client may take."""

    _head_bytes = 0
    """Of the head that is being read, as it came."""
    _field_bytes = 0
    """Of the head's fields as they were parsed, and of the trailers'."""
    _in_head = True
    _completed = 0
    _too_large = False
    _unread = 0
    """Of the answers, when the reader was last looked at."""
    _alarm: asyncio.TimerHandle | None = None
    _read_alarm: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._set_alarm(HEAD_SECONDS, self._overdue)

    def connection_lost(self, exc: Exception | None) -> None:
        self._clear_alarm()
        self._clear_read_alarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        completed = self._completed
        super().data_received(data)
        if self._in_head and self._completed == completed:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large")
            elif self._alarm is None:  # empty lines begin no message
                self._set_alarm(HEAD_SECONDS, self._overdue)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._field_bytes = 0
        self._set_alarm(HEAD_SECONDS, self._overdue)

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field that comes behind the body is no header (RFC 9110, 6.5.1)."""
        self._count(len(name) + len(value))
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_bytes = 0
        self._clear_alarm()
        super().on_headers_complete()
        if self.scope["method"] != "HEAD":  # there, nothing follows the head
            self.cycle.transport = AnswerTransport(self.cycle, self.transport)  # type: ignore[assignment]

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head = True
        self._completed += 1
        self._clear_alarm()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._in_head and self.cycle.response_complete:
            self._set_alarm(LINGER_SECONDS, self.transport.close)
        elif self._alarm:  # the next head has begun to come
            self._set_alarm(HEAD_SECONDS, self._overdue)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread = 0
        self._watch_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._clear_read_alarm()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn answers in plain text where the request cannot be parsed."""
        if self._too_large:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large")
        else:
            self._refuse(HTTPStatus.BAD_REQUEST, "malformed_request")

    def _count(self, size: int) -> None:
        self._field_bytes += size
        if self._field_bytes > MAX_HEAD_BYTES:
            self._too_large = True
            raise httptools.HttpParserError("too large")

    def _set_alarm(self, seconds: float, ring: Callable[[], object]) -> None:
        self._clear_alarm()
        self._alarm = self.loop.call_later(seconds, ring)

    def _clear_alarm(self) -> None:
        if self._alarm:
            self._alarm.cancel()
            self._alarm = None

    def _watch_reader(self) -> None:
        unread = self.transport.get_write_buffer_size()
        if unread == self._unread:
            self.transport.abort()
        else:
            self._unread = unread
            self._read_alarm = self.loop.call_later(READ_SECONDS, self._watch_reader)

    def _clear_read_alarm(self) -> None:
        if self._read_alarm:
            self._read_alarm.cancel()
            self._read_alarm = None

    def _overdue(self) -> None:
        if self._answering:  # what comes behind is not read meanwhile
            self._set_alarm(HEAD_SECONDS, self._overdue)
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "request_timeout")

    @property
    def _answering(self) -> bool:
        """A request came, and its answer has not gone yet."""
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, status: HTTPStatus, code: str) -> None:
        if self.transport.is_closing():
            return
        if self._answering and self._in_head:  # the request before is answered, this one is not
            self.cycle.keep_alive = False
            self.flow.pause_reading()
            return
        if not self._answering or not self.cycle.response_started:
            self.transport.write(_refusal(status, code))
        self.transport.close()


def _refusal(status: HTTPStatus, code: str) -> bytes:
    body = document(status, code, "the head of the request cannot be taken")
    head: dict[str, Any] = {
        "content-type": "application/problem+json",
        "content-length": len(body),
        "connection": "close",
    }
    lines = [f"HTTP/1.1 {int(status)} {status.phrase}"]
    lines += [f"{name}: {value}" for name, value in head.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
