"""Signed uploads: `PUT /blobs/inbox/<key>`, with the rules that S3 keeps for a presigned PUT."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Executor
from contextlib import AbstractContextManager, asynccontextmanager
from functools import partial
from typing import IO, TypeVar

from local.asgi import Plain, Request
from local.object_events import Created, announce, sequencer
from local.problems import refusal
from shared.embedded.blobs import FolderBlobs
from shared.errors import Conflict, Forbidden, MalformedRequest, RequestError
from shared.system import System

T = TypeVar("T")

IDLE_SECONDS = 30.0
TOTAL_SECONDS = 15 * 60.0
WRITE_BYTES = 2**20
RECENT_SECONDS = 3600.0


class LengthRequired(RequestError):
    """The size must be known before the first byte."""

    code = "length_required"


class Uploads:
    """Takes uploads into the inbox and tells `ingest` of them."""

    def __init__(self, system: System, inbox: FolderBlobs, threads: Executor) -> None:
        self._system = system
        self._inbox = inbox
        self._threads = threads

    async def take(self, request: Request, key: str) -> Plain:
        """Stream the body to the disk; the object is there whole, or not at all."""
        query = dict(request.query)
        self._inbox.check("PUT", key, query, self._system.now())
        if "content-length" not in request.headers:
            return refusal(411, LengthRequired.code, "send `Content-Length`")
        _demand_signed(request.headers, query)
        try:
            digest = await self._store(request, key, int(query["size"]))
        except Conflict as conflict:  # stored before, but perhaps never told of
            await self._run(partial(self.announce, key))
            return refusal(412, conflict.code, str(conflict))
        await self._run(partial(self.announce, key, digest))
        return Plain(200, [("etag", f'"{digest}"')])

    def announce(self, key: str, digest: str = "") -> None:
        """Tell `ingest` that the object is there."""
        state = self._inbox.path(key).stat()
        announce(self._system, Created(key, state.st_size, sequencer(state), digest))

    def announce_recent(self) -> None:
        """Tell again of what has come lately: a front that was killed may have kept it to itself.
        To be told twice does no harm."""
        since = time.time() - RECENT_SECONDS
        for key in self._inbox.keys("uploads/"):
            if self._inbox.path(key).stat().st_mtime > since:
                self.announce(key)

    async def _store(self, request: Request, key: str, size: int) -> str:
        if await self._run(partial(self._inbox.head, key)):
            raise Conflict("these bytes were sent already", code="already_uploaded")
        digest = hashlib.md5(usedforsecurity=False)  # what S3 calls an ETag
        async with self._threaded(self._inbox.writer(key, once=True)) as file:
            received = 0
            async for part in _parts(request.chunks(IDLE_SECONDS, TOTAL_SECONDS)):
                received += len(part)
                digest.update(part)
                await self._run(partial(file.write, part))
            if received != size:
                raise MalformedRequest("the body has another size than its header said")
        return digest.hexdigest()

    @asynccontextmanager
    async def _threaded(
        self, manager: AbstractContextManager[IO[bytes]]
    ) -> AsyncIterator[IO[bytes]]:
        """The writer opens, and at its end fsyncs, in a thread."""
        file = await self._run(manager.__enter__)
        try:
            yield file
        except BaseException as error:
            await self._run(partial(manager.__exit__, type(error), error, error.__traceback__))
            raise
        await self._run(partial(manager.__exit__, None, None, None))

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _demand_signed(headers: Mapping[str, str], query: Mapping[str, str]) -> None:
    signed = {
        "content-length": query["size"],
        "content-type": query["type"],
        "if-none-match": "*",
    }
    for name, value in signed.items():
        if headers.get(name) != value:
            raise Forbidden(f"`{name}` is not what was signed", code="signature_mismatch")


async def _parts(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in larger pieces: each costs a hop to a thread."""
    part = bytearray()
    async for chunk in chunks:
        part += chunk
        if len(part) >= WRITE_BYTES:
            yield bytes(part)
            part.clear()
    if part:
        yield bytes(part)
