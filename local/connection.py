"""A connection that gives up on clients that are slow or boundless with the head of a request."""

import asyncio
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from local.problems import document

MAX_HEAD_BYTES = 16 * 1024
"""API Gateway takes 10,240 bytes of headers; signed URLs with long names need some more."""
HEAD_SECONDS = 10.0


class Connection(HttpToolsProtocol):
    """uvicorn's, with a limit on the size of a request's head and on the time it may take."""

    _head_bytes = 0
    _in_head = True
    _completed = 0
    _too_large = False
    _alarm: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._set_alarm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._clear_alarm()
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

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True
        self._set_alarm()

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._head_bytes = 0
        self._clear_alarm()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > MAX_HEAD_BYTES:
            self._too_large = True
            raise httptools.HttpParserError("too large")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head = True
        self._completed += 1

    def send_400_response(self, msg: str) -> None:
        """What uvicorn answers in plain text where the request cannot be parsed."""
        if self._too_large:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers_too_large")
        else:
            self._refuse(HTTPStatus.BAD_REQUEST, "malformed_request")

    def _set_alarm(self) -> None:
        self._clear_alarm()
        self._alarm = self.loop.call_later(HEAD_SECONDS, self._overdue)

    def _clear_alarm(self) -> None:
        if self._alarm:
            self._alarm.cancel()
            self._alarm = None

    def _overdue(self) -> None:
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, "request_timeout")

    def _refuse(self, status: HTTPStatus, code: str) -> None:
        if self.transport.is_closing():
            return
        body = document(status, code, "the head of the request cannot be taken")
        head: dict[str, Any] = {
            "content-type": "application/problem+json",
            "content-length": len(body),
            "connection": "close",
        }
        lines = [f"HTTP/1.1 {int(status)} {status.phrase}"]
        lines += [f"{name}: {value}" for name, value in head.items()]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.transport.close()
