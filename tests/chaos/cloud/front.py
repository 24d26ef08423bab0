"""What API Gateway and the environments of the api function are in the cloud.

    python -m tests.chaos.cloud.front SOCKET

SOCKET is the number of a listening socket that several of these share: each answers one request at
a time, as a Lambda environment does, those that wait for a change apart.
"""

import asyncio
import os
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

import uvicorn

from functions.api.handler import handler as api
from functions.studio.handler import handler as studio
from local import logs
from local.asgi import Answer, Plain, Request
from local.connection import Connection
from local.front import Front
from local.gateway import Functions, Gateway
from local.http_events import Event
from shared import lifeline
from shared.errors import NotFound
from shared.settings import settings

DRAIN_SECONDS = 3
WAITERS = 64


class Environments(Gateway):
    """Each call is a function's own: those that wait for a change do so in its thread."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._threads = ThreadPoolExecutor(WAITERS, "environment")

    async def _submit(self, event: Event) -> Plain:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, event)

    async def _look(self, event: Event) -> Plain:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, event)


async def no_blobs(_: Request) -> Answer:
    """Signed URLs lead to S3."""
    raise NotFound("blobs are elsewhere")


def main() -> None:
    """Serve until SIGTERM."""
    lifeline.hold(lifeline.end_within(DRAIN_SECONDS + 2.0))
    logs.configure(settings().log_level)
    front = Front(Environments(Functions(api, studio)).answer, no_blobs, None)
    config = uvicorn.Config(
        front,
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])
    os._exit(0)  # threads that wait for a change on a client's behalf have nothing to finish


if __name__ == "__main__":
    main()
