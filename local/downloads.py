"""Signed downloads: `GET|HEAD /blobs/<bucket>/<key>`, with ranges and conditions (RFC 9110)."""

import asyncio
import os
import re
from collections.abc import Mapping
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from io import FileIO
from urllib.parse import quote

from local.asgi import Answer, Headers, Plain, Request, Send, start
from local.problems import refusal
from shared.embedded.blobs import FolderBlobs
from shared.errors import NotFound
from shared.records import EXTENSIONS
from shared.signing import GET_LIFE
from shared.system import System

READ_BYTES = 2**20
AT_ONCE = getattr(os, "RWF_NOWAIT", None)
"""Read what is in memory, and nothing else; not every system can."""
MEDIA_TYPES = {extension: media_type for media_type, extension in EXTENSIONS.items()} | {
    "jpeg": "image/jpeg",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "tif": "image/tiff",
    "tiff": "image/tiff",
}
RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
"""No file has as many bytes as nineteen digits say."""


@dataclass(frozen=True)
class Span:
    """The bytes from `first` up to `end`, which is not among them."""

    first: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.first


@dataclass(frozen=True)
class FileAnswer:
    """A part of an open file, or the whole; it is closed in the end."""

    status: int
    headers: Headers
    file: FileIO = field(repr=False)
    span: Span
    head_only: bool
    threads: Executor = field(repr=False)

    async def send(self, send: Send) -> None:
        with self.file:
            length = ("content-length", str(self.span.size))
            await start(send, self.status, [length, *self.headers])
            left = 0 if self.head_only else self.span.size
            while left:
                data = await self._read(min(left, READ_BYTES))
                left -= len(data)
                await send({"type": "http.response.body", "body": data, "more_body": left > 0})
            if self.head_only or not self.span.size:
                await send({"type": "http.response.body", "body": b""})

    async def _read(self, size: int) -> bytes:
        read = partial(self.file.read, size)
        data = await asyncio.get_running_loop().run_in_executor(self.threads, read)
        if not data:
            raise EOFError("the file has become shorter while it was sent")
        return data


class Downloads:
    """Serves what a signed URL names."""

    def __init__(self, system: System, threads: Executor) -> None:
        self._system = system
        self._threads = threads

    async def serve(self, request: Request, blobs: FolderBlobs, key: str) -> Answer:
        """The blob, a part of it, or word that the client has it already."""
        query = dict(request.query)
        blobs.check(request.method, key, query, self._system.now())
        try:
            file = blobs.path(key).open("rb", buffering=0)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise NotFound("there is no such blob") from None
        return self._answer(request, file, _headers(key, query.get("filename")))

    def _answer(self, request: Request, file: FileIO, headers: Headers) -> Answer:
        state = os.fstat(file.fileno())
        etag = f'"{state.st_mtime_ns:x}-{state.st_size:x}"'
        headers = [*headers, ("etag", etag), ("accept-ranges", "bytes")]
        if _has(request.headers, etag):
            file.close()
            return Plain(304, headers)
        span = wanted(request.headers, etag, state.st_size)
        if span is None:
            file.close()
            size = [("content-range", f"bytes */{state.st_size}")]
            return refusal(416, "range_not_satisfiable", "the blob has no such bytes", size)
        return self._part(request, file, headers, span, state.st_size)

    def _part(
        self, request: Request, file: FileIO, headers: Headers, span: Span, size: int
    ) -> Answer:
        status = 200
        if "range" in request.headers and span.size < size:
            status = 206
            place = f"bytes {span.first}-{span.end - 1}/{size}"
            headers = [*headers, ("content-range", place)]
        head_only = request.method == "HEAD"
        data = None if head_only else read_at_once(file, span)
        if data is not None:
            file.close()
            return Plain(status, headers, data)
        file.seek(span.first)
        return FileAnswer(status, headers, file, span, head_only, self._threads)


def read_at_once(file: FileIO, span: Span) -> bytes | None:
    """Those bytes, if there are not many and none has to be waited for."""
    if AT_ONCE is None or span.size > READ_BYTES:
        return None
    data = bytearray(span.size)
    with suppress(OSError):  # not in memory, or a file system that cannot tell
        if os.preadv(file.fileno(), [data], span.first, AT_ONCE) == span.size:
            return bytes(data)
    return None


def wanted(headers: Mapping[str, str], etag: str, size: int) -> Span | None:
    """The bytes that the client asks for: all of them where its `Range` is none that we serve or
    is meant for another version; None where there are no such bytes."""
    whole = Span(0, size)
    asked = RANGE.fullmatch(headers.get("range", "").replace(" ", ""))
    if asked is None or asked.groups() == ("", "") or headers.get("if-range", etag) != etag:
        return whole
    first, last = asked.groups()
    if not first:
        span = Span(max(0, size - int(last)), size)
    else:
        span = Span(int(first), min(size, int(last) + 1) if last else size)
        if last and int(last) < int(first):
            return whole
    return span if span.size > 0 else None


def _has(headers: Mapping[str, str], etag: str) -> bool:
    given = headers.get("if-none-match", "")
    return any(tag.strip().removeprefix("W/") in (etag, "*") for tag in given.split(","))


def _headers(key: str, filename: str | None) -> Headers:
    extension = key.rpartition("/")[2].rpartition(".")[2].lower()
    headers = [
        ("content-type", MEDIA_TYPES.get(extension, "application/octet-stream")),
        ("cache-control", f"private, max-age={int(GET_LIFE.total_seconds())}, immutable"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
    ]
    if filename:
        headers.append(("content-disposition", f"attachment; filename*=UTF-8''{quote(filename)}"))
    return headers
