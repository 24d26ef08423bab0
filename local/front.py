"""The HTTP front: the functions of the API, the page, and the signed URLs of the blobs.

    python -m local.front SOCKET

SOCKET is the number of a listening socket, inherited from the supervisor: while a front that died
is being started again, its clients wait instead of being refused.
"""

import asyncio
import logging
import os
import resource
import socket
import sys
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import uvicorn

from local import logs
from local.asgi import Answer, ClientGone, Plain, Receive, Request, Scope, Send
from local.changes import Changes
from local.connection import Connection
from local.downloads import Downloads
from local.gateway import Functions, Gateway
from local.guard import Guard
from local.http_events import Handler
from local.problems import problem, refusal
from local.ready import tell_ready
from local.uploads import Uploads
from shared import lifeline
from shared.bootstrap import connect
from shared.embedded.blobs import FolderBlobs
from shared.embedded.faults import told
from shared.embedded.table import SqliteTable
from shared.errors import AtelierError, MethodNotAllowed, NotFound
from shared.settings import Settings, settings
from shared.system import System

logger = logging.getLogger("front")

BLOBS = "/blobs/"
BLOB_THREADS = 16
DRAIN_SECONDS = 3
OPEN_FILES = 8192
EMBEDDED_ONLY = "the front serves the embedded adapters only: set ATELIER_DATA"

Call = Callable[[Request], Awaitable[Answer]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class Front:
    """The ASGI application."""

    def __init__(self, gateway: Call, blobs: Call, guard: Guard | None) -> None:
        self._gateway = gateway
        self._blobs = blobs
        self._guard = guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await self._answer(Request(scope, receive))
        except ClientGone:
            return
        await answer.send(send)

    async def _answer(self, request: Request) -> Answer:
        try:
            if self._guard:
                self._guard.check(request.method, request.path, request.headers)
                if place := self._guard.better_place(request.path, request.headers):
                    return Plain(307, [("location", place)])
            called = self._blobs if request.path.startswith(BLOBS) else self._gateway
            with told():
                return await called(request)
        except AtelierError as error:
            return problem(error)
        except TimeoutError:
            closing = [("connection", "close")]
            return refusal(408, "request_timeout", "the body came too slowly", closing)
        except ClientGone:
            raise
        except Exception:
            logger.exception("a request failed")
            return problem(AtelierError("something went wrong on our side"))


class BlobRoutes:
    """`/blobs/<bucket>/<key>`"""

    def __init__(self, system: System) -> None:
        if not isinstance(system.inbox, FolderBlobs) or not isinstance(
            system.artworks, FolderBlobs
        ):
            raise TypeError(EMBEDDED_ONLY)
        threads = ThreadPoolExecutor(BLOB_THREADS, "blob")
        self._buckets = {blobs.bucket: blobs for blobs in (system.inbox, system.artworks)}
        self._downloads = Downloads(system, threads)
        self.uploads = Uploads(system, system.inbox, threads)
        self._inbox = system.inbox.bucket

    async def answer(self, request: Request) -> Answer:
        """Take or serve a blob."""
        bucket, _, key = request.path.removeprefix(BLOBS).partition("/")
        if bucket not in self._buckets:
            raise NotFound("there is no such bucket")
        if request.method in ("GET", "HEAD"):
            return await self._downloads.serve(request, self._buckets[bucket], key)
        if request.method == "PUT" and bucket == self._inbox:
            return await self.uploads.take(request, key)
        allowed = "GET, HEAD, PUT" if bucket == self._inbox else "GET, HEAD"
        refused = MethodNotAllowed(f"this takes {allowed}")
        return refusal(405, refused.code, str(refused), [("allow", allowed)])


def build(system: System, functions: Functions, guard: Guard | None) -> tuple[Front, BlobRoutes]:
    """The application over a system."""
    blobs = BlobRoutes(system)
    if not isinstance(system.table, SqliteTable):
        raise TypeError(EMBEDDED_ONLY)
    gateway = Gateway(functions, Changes(system, system.table.change_bell))
    return Front(gateway.answer, blobs.answer, guard), blobs


def _functions(chosen: Settings) -> Functions:
    from functions.api.handler import handler as api
    from functions.studio.handler import handler as studio

    authorize = _authorizer() if chosen.keys_required else None
    return Functions(api, studio, authorize, connect().together)


def _authorizer() -> Handler:
    from functions.authorize.handler import handler

    return handler


def _server(front: App) -> uvicorn.Server:
    config = uvicorn.Config(
        front,
        http=Connection,
        loop="uvloop",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    return uvicorn.Server(config)


def _open_more_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, limit), hard))


def _recover(blobs: BlobRoutes) -> None:
    try:
        blobs.uploads.announce_recent()
    except Exception:
        logger.exception("recent uploads could not be looked through")


async def _serve(server: uvicorn.Server, listening: socket.socket) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.005)
    tell_ready()
    await serving


def main() -> None:
    """Serve until SIGTERM."""
    lifeline.hold(lifeline.end_within(DRAIN_SECONDS + 2.0))
    chosen = settings()
    logs.configure(chosen.log_level)
    logging.getLogger("uvicorn").setLevel("ERROR")
    _open_more_files()
    listening = socket.socket(fileno=int(sys.argv[1]))
    port = listening.getsockname()[1]
    guard = None if chosen.keys_required else Guard(port, chosen.public_url)
    front, blobs = build(connect(), _functions(chosen), guard)
    threading.Thread(target=_recover, args=(blobs,), name="recover", daemon=True).start()
    server = _server(front)
    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(_serve(server, listening))
    # Threads that still wait for a change on a client's behalf have nothing to finish.
    os._exit(0)


if __name__ == "__main__":
    main()
