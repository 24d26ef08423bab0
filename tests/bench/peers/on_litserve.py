"""The client of LitServe: sixty-four at once, each waiting for its answer."""

import os
import time
from contextlib import suppress

from tests.bench.connection import Connection
from tests.bench.crowd import crowd, hold
from tests.bench.peers.driven import drive
from tests.bench.talks import Call, Refused, Talk

CLIENTS = 64
START_SECONDS = 120.0
URL = f"http://127.0.0.1:{os.environ['PEER_PORT']}"


def burst(seeds: range) -> None:
    with crowd(URL, CLIENTS) as clients:
        hold(clients, map(picture, seeds))


def picture(seed: int) -> Talk[bytes]:
    return (yield Call("POST", "/predict", b'{"seed": %d}' % seed))


def await_start() -> None:
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up:
        with suppress(OSError, Refused), Connection(URL) as client:
            client.call(Call("GET", "/health"))
            return
        time.sleep(0.1)


if __name__ == "__main__":
    await_start()
    drive(burst)
