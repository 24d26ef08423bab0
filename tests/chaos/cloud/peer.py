"""One end of an HTTP connection."""

import asyncio
import socket
import struct
from typing import Any, TypeVar

import h11

READ_BYTES = 2**16
AT_ONCE = struct.pack("ii", 1, 0)
"""Linger for no time at all: what is closed so is reset."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Head = TypeVar("Head", h11.Request, h11.Response)


class Gone(Exception):
    """The other side has closed the connection."""


class Peer:
    """Whole messages over a pair of streams, either way."""

    def __init__(self, role: Any, streams: Streams) -> None:
        self._http = h11.Connection(role)
        self._reader, self._writer = streams

    async def request(self) -> tuple[h11.Request, bytes]:
        """The next request. Whoever asks for leave to send a body gets it."""
        return await self._message(h11.Request)

    async def response(self) -> tuple[h11.Response, bytes]:
        """The answer to the request that was said."""
        return await self._message(h11.Response)

    async def say(self, head: h11.Request | h11.Response, body: bytes) -> None:
        """Send a whole message."""
        await self.begin(head, body)
        self._send(h11.EndOfMessage())
        await self._writer.drain()

    async def begin(self, head: h11.Request | h11.Response, body: bytes) -> None:
        """Send a message's head, and what there is of its body."""
        self._send(head)
        if body:
            self._send(h11.Data(data=body))
        await self._writer.drain()

    def next_cycle(self) -> bool:
        """Be ready for another message, where one can follow."""
        if not self._http.our_state is self._http.their_state is h11.DONE:
            return False
        self._http.start_next_cycle()
        return True

    @property
    def stale(self) -> bool:
        """Whether the other side has closed the connection while it was idle."""
        return self._reader.at_eof()

    def reset(self) -> None:
        """End the connection as a broken line does."""
        if self._writer.is_closing():
            return
        sock: socket.socket = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        self._writer.transport.abort()

    def close(self) -> None:
        """End the connection."""
        self._writer.close()

    def _send(self, event: h11.Event) -> None:
        self._writer.write(self._http.send(event) or b"")

    async def _message(self, kind: type[Head]) -> tuple[Head, bytes]:
        head = await self._next()
        while not isinstance(head, kind):
            head = await self._next()
        body = bytearray()
        while isinstance(part := await self._next(), h11.Data):
            body += part.data
        return head, bytes(body)

    async def _next(self) -> h11.Event:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                self._send(h11.InformationalResponse(status_code=100, headers=[]))
            self._http.receive_data(await self._reader.read(READ_BYTES))
        if not isinstance(event, h11.Event) or isinstance(event, h11.ConnectionClosed):
            raise Gone
        return event
