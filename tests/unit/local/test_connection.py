"""Clients that are slow or boundless with the head of a request."""

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
import uvicorn
from uvicorn.server import ServerState

from local import connection
from local.asgi import Plain, Receive, Request, Scope, Send, start
from local.connection import Connection
from local.front import _server


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    if request.path == "/refused":
        return await Plain(403, []).send(send)
    if request.path == "/slow":
        await asyncio.sleep(0.7)
    if request.path == "/broken":
        await start(send, 200, [("content-length", "9")])
        raise RuntimeError("it broke off")
    body = await request.body(10**6, 5, 5)
    named = [("x-length", str(len(body))), ("x-evil", request.headers.get("evil", "none"))]
    return await Plain(200, named, b"x" * (10**7 if request.path == "/large" else 0)).send(send)


def run(server: uvicorn.Server, listening: socket.socket) -> None:
    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(server.serve(sockets=[listening]))


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    for name in ("HEAD_SECONDS", "LINGER_SECONDS", "READ_SECONDS"):
        monkeypatch.setattr(connection, name, 0.3)
    logging.getLogger("uvicorn").setLevel("ERROR")
    server = _server(echo)
    listening = socket.create_server(("127.0.0.1", 0))
    number = listening.getsockname()[1]
    thread = threading.Thread(target=run, args=(server, listening))
    thread.start()
    yield number
    server.should_exit = True
    thread.join()


def talk(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """Send the parts, and read until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        for part in parts:
            client.sendall(part)
            time.sleep(pause)
        client.settimeout(2.0)
        answered = b""
        try:
            while more := client.recv(65536):
                answered += more
        except (TimeoutError, ConnectionResetError):
            pass
        return answered


def test_slow_head_times_out(port: int) -> None:
    answered = talk(port, b"GET / HTTP/1.1\r\n", b"x: y\r\n", pause=0.25)

    assert answered.startswith(b"HTTP/1.1 408")
    assert b"request_timeout" in answered


def test_silence_times_out(port: int) -> None:
    assert talk(port).startswith(b"HTTP/1.1 408")


def test_head_that_never_ends_is_refused(port: int) -> None:
    line = b"x: " + b"a" * (connection.MAX_HEAD_BYTES // 2)

    answered = talk(port, b"GET / HTTP/1.1\r\n", line, line, line)

    assert answered.startswith(b"HTTP/1.1 431")


def test_large_body_on_a_kept_connection_is_no_head(port: int) -> None:
    body = b"b" * (4 * connection.MAX_HEAD_BYTES)
    post = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)

    answered = talk(port, post + body[:9], body[9:], post, body, b"GET / HTTP/1.1\r\n\r\n")

    assert answered.count(b"HTTP/1.1 200") == 3
    assert answered.count(b"x-length: %d" % len(body)) == 2


def test_slow_body_is_no_slow_head(port: int) -> None:
    post = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n"

    assert b"x-length: 2" in talk(port, post, b"a", b"b", pause=0.4)


def test_trailers_are_no_headers_and_have_an_end(port: int) -> None:
    post = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
    trailer = b"evil: " + b"a" * 9000 + b"\r\n"

    assert b"x-evil: none" in talk(port, post + b"evil: yes\r\n\r\n")
    assert b"headers_too_large" in talk(port, post, trailer, trailer, trailer)


def test_rest_of_a_body_is_not_waited_for_when_all_is_said(port: int) -> None:
    put = b"PUT /refused HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n"
    begun = time.monotonic()

    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(put)
        assert client.recv(65536).startswith(b"HTTP/1.1 403")
        with suppress(OSError):
            while time.monotonic() < begun + 30:
                client.sendall(b"a")
                time.sleep(0.05)
    assert time.monotonic() < begun + 30


@pytest.mark.parametrize("before", [b"", b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"])
def test_empty_lines_do_not_keep_a_connection(
    port: int, monkeypatch: pytest.MonkeyPatch, before: bytes
) -> None:
    monkeypatch.setattr(connection, "LINGER_SECONDS", 60)  # however late we come, we hear it
    answered, give_up = b"", time.monotonic() + 10
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(before)
        client.settimeout(0.05)
        while b"request_timeout" not in answered and time.monotonic() < give_up:
            client.sendall(b"\r\n")
            with suppress(TimeoutError):
                answered += client.recv(65536)
    assert answered.startswith(b"HTTP/1.1 200" if before else b"HTTP/1.1 408")
    assert b"request_timeout" in answered


def test_client_that_takes_nothing_is_cut_off(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        time.sleep(2)
        taken = 0
        with suppress(ConnectionResetError):
            while more := len(client.recv(65536)):
                taken += more
    assert taken < 10**7


def test_nonsense_after_a_request_does_not_take_its_answer(port: int) -> None:
    answered = talk(port, b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n\x00nonsense")

    assert answered.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in answered


def test_next_head_may_wait_for_the_answer_before_it(port: int) -> None:
    answered = talk(port, b"GET /slow HTTP/1.1\r\n\r\nGET / HTTP", b"/1.1\r\n\r\n", pause=0.5)

    assert answered.count(b"HTTP/1.1 200") == 2


class Written(asyncio.Transport):
    """Notes each packet."""

    def __init__(self) -> None:
        super().__init__()
        self.packets: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.packets.append(bytes(data))

    def is_closing(self) -> bool:
        return False


def test_head_and_body_are_one_packet() -> None:
    async def scene() -> list[bytes]:
        served = Connection(_server(echo).config, ServerState(), {})
        served.connection_made(written := Written())
        served.data_received(b"GET /large HTTP/1.1\r\nhost: x\r\n\r\n")
        async with asyncio.timeout(10):
            while served.tasks:
                await asyncio.sleep(0.01)
        served.connection_lost(ConnectionResetError())
        return written.packets

    (packet,) = asyncio.run(scene())
    assert packet.startswith(b"HTTP/1.1 200 OK\r\n")
    assert packet.endswith(b"\r\n\r\n" + b"x" * 10**7)


def test_heads_without_a_body_are_sent(port: int) -> None:
    head = b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n"

    assert talk(port, head, head, head + head).count(b"HTTP/1.1 200") == 4


def test_answer_that_breaks_off_has_its_head(port: int) -> None:
    answered = talk(port, b"GET /broken HTTP/1.1\r\nhost: x\r\n\r\n")

    assert answered.startswith(b"HTTP/1.1 200")


def test_client_that_waits_for_it_is_told_to_go_on(port: int) -> None:
    head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n"

    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(head)
        assert client.recv(65536).startswith(b"HTTP/1.1 100")
        client.sendall(b"ab")
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
