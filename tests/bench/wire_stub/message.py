"""HTTP as the stub reads and writes it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

import httptools
from pydantic_core import to_json

JSON = "application/x-amz-json-1.0"


@dataclass
class Request:
    """One request; the names of its headers are in lower case."""

    method: str = ""
    target: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)

    @property
    def path(self) -> str:
        return unquote(self.target.partition("?")[0])


@dataclass(frozen=True)
class Answer:
    """One answer. To a HEAD its body is only measured."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def said(self, method: str) -> bytes:
        lines = [
            f"HTTP/1.1 {self.status} -",
            f"Content-Length: {len(self.body)}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        head = "\r\n".join([*lines, "", ""]).encode()
        return head if method == "HEAD" else head + self.body


def told(content: Mapping[str, Any]) -> Answer:
    """An answer in JSON."""
    return Answer(200, to_json(content), {"Content-Type": JSON})


def refused(code: str, **more: Any) -> Answer:
    """An error in JSON."""
    content = {"__type": code, "message": code, **more}
    return Answer(400, to_json(content), {"Content-Type": JSON})


class Line(asyncio.Protocol):
    """One caller's connection: one request after the other."""

    def __init__(self, answer: Callable[[Request], Awaitable[Answer]]) -> None:
        self._answer = answer
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()
        self._transport: Any = None
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._request = Request()

    def on_url(self, url: bytes) -> None:
        self._request.target += url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._request.headers[name.decode().lower()] = value.decode()

    def on_headers_complete(self) -> None:
        self._request.method = self._parser.get_method().decode()
        if "expect" in self._request.headers:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._request.body += body

    def on_message_complete(self) -> None:
        task = asyncio.get_running_loop().create_task(self._say(self._request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _say(self, request: Request) -> None:
        answer = await self._answer(request)
        self._transport.write(answer.said(request.method))
