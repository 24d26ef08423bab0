"""Requests and answers over ASGI."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import parse_qsl

from shared.errors import TooLarge

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[str, str]]

BODILESS = (204, 304)


class ClientGone(Exception):
    """The client closed the connection before it had sent everything: nobody can be answered."""


class Answer(Protocol):
    """What a request leads to."""

    async def send(self, send: Send) -> None:
        """Send it."""


@dataclass(frozen=True)
class Request:
    """One HTTP request."""

    scope: Scope
    receive: Receive = field(repr=False)

    @property
    def method(self) -> str:
        return str(self.scope["method"])

    @property
    def path(self) -> str:
        """Percent-decoded, as API Gateway hands it to functions."""
        return str(self.scope["path"])

    @property
    def query_string(self) -> str:
        return bytes(self.scope["query_string"]).decode("latin-1")

    @cached_property
    def query(self) -> list[tuple[str, str]]:
        """Decoded names and values, in order."""
        return parse_qsl(self.query_string, keep_blank_values=True)

    @cached_property
    def headers(self) -> dict[str, str]:
        """Lower-case names; the values of a repeated header are joined by commas."""
        joined: dict[str, str] = {}
        for name, value in self.scope["headers"]:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            joined[key] = f"{joined[key]},{text}" if key in joined else text
        return joined

    @property
    def has_body(self) -> bool:
        """A request whose headers speak of no body has none (RFC 9112, 6.3)."""
        return "content-length" in self.headers or "transfer-encoding" in self.headers

    @property
    def client(self) -> str:
        """The address of the client."""
        known = self.scope.get("client")
        return str(known[0]) if known else ""

    async def chunks(self, idle: float, total: float) -> AsyncIterator[bytes]:
        """The body as it comes. `TimeoutError` after `idle` seconds without a byte, or `total`."""
        end = time.monotonic() + total
        more = True
        while more:
            async with asyncio.timeout(min(idle, end - time.monotonic())):
                message = await self.receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            yield message.get("body", b"")
            more = message.get("more_body", False)

    async def body(self, limit: int, idle: float, total: float) -> bytes:
        """The whole body, or `TooLarge`."""
        if not self.has_body:
            return b""
        whole = bytearray()
        self._refuse_if(int(self.headers.get("content-length", 0)) > limit, limit)
        async for chunk in self.chunks(idle, total):
            whole += chunk
            self._refuse_if(len(whole) > limit, limit)
        return bytes(whole)

    def _refuse_if(self, too_large: bool, limit: int) -> None:
        if too_large:
            raise TooLarge(f"a request holds {limit} bytes at most; upload pictures instead")


@dataclass(frozen=True)
class Plain:
    """An answer that is in memory."""

    status: int
    headers: Headers
    body: bytes = b""

    async def send(self, send: Send) -> None:
        length = [] if self.status in BODILESS else [("content-length", str(len(self.body)))]
        await start(send, self.status, [*length, *self.headers])
        await send({"type": "http.response.body", "body": self.body})


async def start(send: Send, status: int, headers: Headers) -> None:
    """Send the status and the headers."""
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
