"""What an answer is written to: its head leaves together with the first of its body.

uvicorn writes them one after the other: two packets, each of which wakes the client.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class AnswerTransport(asyncio.WriteTransport):
    """A connection's transport, as far as one answer needs it."""

    def __init__(self, cycle: RequestResponseCycle, transport: asyncio.Transport) -> None:
        super().__init__()
        self._cycle = cycle
        self._transport = transport
        self._head: bytes | None = None
        """None before the answer has begun."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self._head is None and self._cycle.response_started:
            self._head = bytes(data)
        elif self._head:
            self._transport.writelines([self._head, data])
            self._head = b""
        else:
            self._transport.write(data)

    def close(self) -> None:
        """An answer that broke off has its head, at least."""
        self.write(b"")
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()
