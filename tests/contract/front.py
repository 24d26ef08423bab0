"""The other side of an embedded system's signed URLs, over real HTTP."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from local.asgi import Answer, Request
from local.connection import Connection
from local.front import BlobRoutes, Front
from shared.errors import NotFound
from tests.contract.worlds import World

START_SECONDS = 10


@contextmanager
def served(world: World) -> Iterator[None]:
    """Serve an embedded system's blobs; in the cloud somebody else does."""
    if world.listening is None:
        yield
        return
    front = Front(_nothing_else, BlobRoutes(world.system).answer, None)
    config = uvicorn.Config(front, http=Connection, ws="none", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [world.listening]})
    thread.start()
    try:
        _await_start(server)
        yield
    finally:
        server.should_exit = True
        thread.join()


async def _nothing_else(_: Request) -> Answer:
    raise NotFound("blobs only")


def _await_start(server: uvicorn.Server) -> None:
    give_up = time.monotonic() + START_SECONDS
    while not server.started:
        assert time.monotonic() < give_up, "the front did not start"
        time.sleep(0.005)
