"""Clients that hold on: each sends a byte now and then, or takes nothing, and never ends."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread

from tests.hostile.requests import Place, request

DRIP_SECONDS = 0.5


@dataclass(frozen=True)
class Dripper:
    """How one kind of slow client begins, and with what it goes on."""

    begin: bytes
    drop: bytes


def drippers(place: Place) -> dict[str, Dripper]:
    """Every kind of slow client."""
    endless = {"Content-Length": "200000"}
    chunked = b"Transfer-Encoding: chunked\r\n"
    return {
        "silence": Dripper(b"", b""),
        "head": Dripper(b"GET / HTTP/1.1\r\nX: ", b"x"),
        "empty lines": Dripper(b"", b"\r\n"),
        "body": Dripper(request(place, "POST", "/v1/jobs", b"{", endless), b" "),
        "chunks": Dripper(request(place, "POST", "/v1/jobs", None, JSON, chunked), b"1\r\n \r\n"),
        "refused body": Dripper(
            request(place, "PUT", "/blobs/inbox/uploads/x", b"", endless), b"x"
        ),
        "no reader": Dripper(request(place, "GET", "/v1/openapi.json") * 300, b""),
    }


JSON = {"Content-Type": "application/json"}


def drip(crowd: dict[socket.socket, bytes], over: Event) -> None:
    """A drop from each, again and again; whatever comes back is not read."""
    while not over.wait(DRIP_SECONDS):
        for connection, drop in crowd.items():
            with suppress(OSError):  # it was let go
                connection.send(drop)


@contextmanager
def crowd(address: tuple[str, int], place: Place, of_each: int) -> Iterator[None]:
    """So many slow clients of each kind, for as long as the block runs."""
    with ExitStack() as connections:
        held = {}
        for dripper in (*drippers(place).values(),) * of_each:
            connection = connections.enter_context(socket.create_connection(address, 60))
            connection.setblocking(False)
            connection.send(dripper.begin)
            held[connection] = dripper.drop
        over = Event()
        thread = Thread(target=drip, args=(held, over), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def waits(address: tuple[str, int], place: Place, count: int) -> list[float]:
    """Seconds until an ordinary request is answered, each on a connection of its own."""
    found = []
    for _ in range(count):
        begun = time.monotonic()
        with socket.create_connection(address, 60) as connection:
            connection.sendall(request(place, "GET", "/v1/jobs?status=queued"))
            assert connection.recv(65536).startswith(b"HTTP/1.1 200")
        found.append(time.monotonic() - begun)
    return sorted(found)
