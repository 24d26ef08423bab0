"""The wire between the system and AWS, where requests and answers get lost.

    python -m tests.chaos.cloud.wire SOCKET UPSTREAM_PORT FAULTS_FOLDER SEED

SOCKET is the number of a listening socket. The rate of faults stands in a file of the folder, as
for the faults at the ports, and each fault is written down there. What is not signed by a header is
left alone: it comes from a client with a signed URL.
"""

import asyncio
import os
import socket
import sys
from pathlib import Path

import h11

from shared import lifeline
from tests.chaos.cloud.call import Call
from tests.chaos.cloud.peer import Gone, Peer
from tests.chaos.faults import chance
from tests.chaos.faults.chance import Chance
from tests.chaos.faults.journal import Journal

KINDS = ("error", "throttle", "refuse", "lose", "cut", "delay", "delay", "stall")
LEAST_DELAY, MOST_DELAY = 0.05, 1.0
STALL_SECONDS = 12.0
"""Longer than the patience of a caller, but for a large blob."""
STALLS = 1 / 20
"""The share of stalls that come true; they cost the suite its time."""


class Broken(Exception):
    """The line breaks."""


class Line:
    """One caller's connection, and the one to AWS behind it."""

    def __init__(self, near: Peer, upstream: int, chance: Chance, journal: Journal) -> None:
        self._near, self._upstream = near, upstream
        self._chance, self._journal = chance, journal
        self._far: Peer | None = None

    async def serve(self) -> None:
        """Pass on one request after the other, until either side leaves or the line breaks."""
        try:
            while await self._exchange():
                pass
            self._near.close()
        except (Gone, Broken, OSError, h11.ProtocolError):
            self._near.reset()
        self._leave()

    async def _exchange(self) -> bool:
        request, body = await self._near.request()
        call = Call.of(request, body)
        match self._strike(call):
            case "error":
                head, text = call.failed()
            case "throttle":
                head, text = call.throttled()
            case "refuse":
                raise Broken
            case fault:
                await self._wait(fault)
                head, text = await self._ask(request, body)
                await self._break(fault, head, text)
        await self._near.say(head, b"" if request.method == b"HEAD" else text)
        return self._near.next_cycle()

    def _strike(self, call: Call) -> str | None:
        kind = self._chance.strike(KINDS) if call.service else None
        if kind == "stall" and self._chance.between(0, 1) > STALLS:
            return None
        if kind:
            self._journal.fault(f"wire_{kind}", str(call.service), call.operation)
        return kind

    async def _wait(self, fault: str | None) -> None:
        if fault == "delay":
            await asyncio.sleep(self._chance.between(LEAST_DELAY, MOST_DELAY))

    async def _ask(self, request: h11.Request, body: bytes) -> tuple[h11.Response, bytes]:
        """What AWS answers. We have the whole body: nobody has to ask for leave to send it."""
        headers = [(name, value) for name, value in request.headers if name != b"expect"]
        far = await self._connected()
        await far.say(
            h11.Request(method=request.method, target=request.target, headers=headers), body
        )
        head, text = await far.response()
        if not far.next_cycle():
            self._leave()
        return h11.Response(status_code=head.status_code, headers=head.headers), text

    async def _break(self, fault: str | None, head: h11.Response, text: bytes) -> None:
        """The request took effect, and its answer does not come, or only half of it does."""
        if fault == "stall":
            await asyncio.sleep(STALL_SECONDS)
        if fault == "cut" and text:
            await self._near.begin(head, text[: len(text) // 2])
        if fault in ("lose", "cut", "stall"):
            raise Broken

    async def _connected(self) -> Peer:
        if self._far is None or self._far.stale:
            self._leave()
            streams = await asyncio.open_connection("127.0.0.1", self._upstream)
            self._far = Peer(h11.CLIENT, streams)
        return self._far

    def _leave(self) -> None:
        if self._far:
            self._far.close()
        self._far = None


async def carry(listening: socket.socket, upstream: int, folder: Path, seed: int) -> None:
    """Carry what comes, for ever."""
    die, journal = Chance(folder / chance.FILE, seed), Journal(folder)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        near = Peer(h11.SERVER, (reader, writer))
        await Line(near, upstream, die, journal).serve()

    server = await asyncio.start_server(accept, sock=listening)
    await server.serve_forever()


def main() -> None:
    """Carry until whoever started us is gone."""
    lifeline.hold(lambda: os._exit(0))
    descriptor, upstream, folder, seed = sys.argv[1:]
    listening = socket.socket(fileno=int(descriptor))
    asyncio.run(carry(listening, int(upstream), Path(folder), int(seed)))


if __name__ == "__main__":
    main()
