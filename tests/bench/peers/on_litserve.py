"""The client of LitServe: sixty-four at once, each waiting for its answer."""

import os
import time
from contextlib import suppress

from tests.bench.connection import Connection, Refused
from tests.bench.crowd import crowd, shared
from tests.bench.peers.driven import drive

CLIENTS = 64
START_SECONDS = 120.0
URL = f"http://127.0.0.1:{os.environ['PEER_PORT']}"


def burst(seeds: range) -> None:
    def ask(client: Connection, place: int) -> None:
        client.call("POST", "/predict", b'{"seed": %d}' % seeds[place])

    with crowd(URL, CLIENTS) as clients:
        shared(clients, len(seeds), ask)


def await_start() -> None:
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up:
        with suppress(OSError, Refused), Connection(URL) as client:
            client.call("GET", "/health")
            return
        time.sleep(0.1)


if __name__ == "__main__":
    await_start()
    drive(burst)
