"""Clients that are slow or boundless with the head of a request."""

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from local import connection
from local.asgi import Plain, Receive, Request, Scope, Send
from local.front import _server


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body(10**6, 5, 5)
    await Plain(200, [("x-length", str(len(body)))]).send(send)


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.3)
    logging.getLogger("uvicorn").setLevel("ERROR")
    server = _server(echo)
    listening = socket.create_server(("127.0.0.1", 0))
    number = listening.getsockname()[1]
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])))
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
        client.settimeout(1.0)
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
