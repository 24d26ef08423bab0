"""A client's HTTP: each call is repeated until there is an answer that says something."""

import json
import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import urllib3

from tests.chaos.ledger import Ledger

PATIENCE = urllib3.Timeout(connect=5.0, read=8.0)
LONG_PATIENCE = urllib3.Timeout(connect=5.0, read=30.0)
FIRST_WAIT, LAST_WAIT = 0.05, 2.0
TRY_AGAIN = frozenset({408, 425, 429})


class Abandoned(Exception):
    """The run is over, and there was no answer."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def settles(self) -> bool:
        """Whether a client needs not ask again."""
        return self.status < 500 and self.status not in TRY_AGAIN


class Caller:
    """Calls of many threads."""

    def __init__(self, url: str, headers: Mapping[str, str], ledger: Ledger, seed: int) -> None:
        self.over = threading.Event()
        """Set when no call is to be repeated any more."""
        self._url, self._headers, self._ledger = url, dict(headers), ledger
        self._chance = random.Random(f"calls {seed}")
        self._pool = urllib3.PoolManager(maxsize=64, retries=False, timeout=PATIENCE)

    def post(self, path: str, body: Any = None, key: str | None = None) -> Answer:
        named = {"Idempotency-Key": key} if key else {}
        data = None if body is None else json.dumps(body).encode()
        return self.call("POST", path, data, {"Content-Type": "application/json", **named})

    def get(self, path: str, **headers: str) -> Answer:
        return self.call("GET", path, None, headers)

    def delete(self, path: str) -> Answer:
        return self.call("DELETE", path, None, {})

    def call(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        """Until it is answered. A path that is a URL goes there, without our key."""
        own = path.startswith("/")
        url = self._url + path if own else path
        given = {**(self._headers if own else {}), **headers}
        wait = FIRST_WAIT
        while True:
            answer = self._once(method, url, body, given)
            if answer is not None and answer.settles:
                return answer
            if self.over.wait(wait * self._chance.uniform(0.5, 1.5)):
                raise Abandoned(f"{method} {path}: {answer and answer.status}")
            wait = min(LAST_WAIT, wait * 2)

    def _once(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer | None:
        timeout = LONG_PATIENCE if "wait=" in url else PATIENCE
        try:
            answer = self._pool.request(
                method, url, body=body, headers=dict(headers), timeout=timeout, redirect=False
            )
        except urllib3.exceptions.HTTPError as error:
            self._ledger.count(type(error).__name__)
            return None
        self._ledger.count(str(answer.status))
        return Answer(answer.status, answer.headers, answer.data)
