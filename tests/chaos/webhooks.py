"""The suite's own receiver: it notes every call, and answers as the path says."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.receiver import Reply, Request, serving

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

    def take(self, request: Request) -> Reply | None:
        """Note the call, and answer or hang up."""
        event_id, timestamp, signature = (
            request.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature")
        )
        status = self.answer(request.path, event_id)
        call = Call(request.path, event_id, timestamp, signature, request.body, status)
        self.calls.append(call)
        return Reply(status) if status else None

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


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on loopback while the block runs."""
    receiver = Receiver()
    with serving(receiver.take) as port:
        receiver.url = f"http://127.0.0.1:{port}"
        yield receiver
