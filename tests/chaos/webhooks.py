"""The suite's own receiver: it notes every call, and answers as the path says."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SLOW_SECONDS = 2.0


@dataclass(frozen=True)
class Call:
    """One call of a webhook."""

    path: str
    event_id: str
    timestamp: str
    signature: str
    body: bytes
    answered: int
    """The status, 0 where it hung up."""


@dataclass
class Receiver:
    """What has come."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    _seen: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, path: str, event_id: str) -> int:
        """`/flaky` fails twice for each event, `/rude` hangs up once, `/slow` takes its time."""
        with self._lock:
            self._seen[path, event_id] += 1
            nth = self._seen[path, event_id]
        kind = path.split("/")[1]
        if kind == "slow":
            time.sleep(SLOW_SECONDS)
        if kind == "flaky" and nth <= 2:
            return 500
        return 0 if kind == "rude" and nth == 1 else 204


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that was killed in the middle of its call."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on loopback while the block runs."""
    receiver = Receiver()
    server = _Server(("127.0.0.1", 0), _handler(receiver))
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            if len(body) < length:
                return  # the caller was killed before it had said all
            event_id = self.headers.get("webhook-id", "")
            status = receiver.answer(self.path, event_id)
            timestamp = self.headers.get("webhook-timestamp", "")
            signature = self.headers.get("webhook-signature", "")
            receiver.calls.append(Call(self.path, event_id, timestamp, signature, body, status))
            if status:
                with suppress(OSError):
                    self.send_response(status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    return Handler
