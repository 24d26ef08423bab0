"""`python -m tests.bench.wire_stub PLAIN DELAYED LEAST MOST`

PLAIN and DELAYED are the numbers of listening sockets. What is asked at the second waits between
LEAST and MOST milliseconds first. `GET /-/journal` tells what was called: for each operation how
often, and the monotonic time of the first and of the last that took effect.
"""

import asyncio
import os
import random
import socket
import sys
import time
import zlib
from dataclasses import dataclass, field

from pydantic_core import from_json

from shared import lifeline
from tests.bench.wire_stub.buckets import Buckets
from tests.bench.wire_stub.message import Answer, Line, Request, refused, told
from tests.bench.wire_stub.others import published, secret, workers
from tests.bench.wire_stub.queues import NOTHING, Queues
from tests.bench.wire_stub.table import Table

JOURNAL = "/-/journal"
MOST_HEAD = 200


@dataclass
class Stub:
    """The services, and the journal of the delayed calls."""

    table: Table = field(default_factory=Table)
    queues: Queues = field(default_factory=Queues)
    buckets: Buckets = field(default_factory=Buckets)
    journal: dict[str, tuple[int, float, float]] = field(default_factory=dict)

    async def answer(self, request: Request) -> Answer:
        if request.target == JOURNAL:
            return told(self.journal)
        service, _, operation = request.headers.get("x-amz-target", "").partition(".")
        if not service:
            publishing = b"Action=Publish" in request.body[:MOST_HEAD]
            return published() if publishing else self.buckets.answer(request)
        if service == "secretsmanager":
            return secret()
        if operation in ("DescribeServices", "UpdateService"):
            return workers()
        content = from_json(request.body)
        if service == "AmazonSQS" and operation in self.queues.operations:
            return await self.queues.answer(operation, content)
        if operation in self.table.operations:
            answer = self.table.operations[operation](content)
            checksum = {"x-amz-crc32": str(zlib.crc32(answer.body))}
            return Answer(answer.status, answer.body, {**answer.headers, **checksum})
        return refused("UnknownOperationException")

    async def note(self, request: Request) -> Answer:
        """Answer and write it down, unless nothing was received."""
        answer = await self.answer(request)
        if answer.body != NOTHING:
            name = request.headers.get("x-amz-target") or f"S3.{request.method}"
            now = time.monotonic()
            count, first, _ = self.journal.get(name, (0, now, now))
            self.journal[name] = count + 1, first, now
        return answer


async def serve(plain: socket.socket, delayed: socket.socket, least: float, most: float) -> None:
    """Answer at both sockets, for ever."""
    stub, loop = Stub(), asyncio.get_running_loop()

    async def late(request: Request) -> Answer:
        await asyncio.sleep(random.uniform(least, most))
        return await stub.note(request)

    await loop.create_server(lambda: Line(stub.answer), sock=plain)
    await loop.create_server(lambda: Line(late), sock=delayed)
    await asyncio.Event().wait()


def main() -> None:
    """Serve until whoever started us is gone."""
    lifeline.hold(lambda: os._exit(0))
    plain, delayed = (socket.socket(fileno=int(number)) for number in sys.argv[1:3])
    least, most = (float(milliseconds) / 1000 for milliseconds in sys.argv[3:5])
    asyncio.run(serve(plain, delayed, least, most))


if __name__ == "__main__":
    main()
