"""What the clients have learned: the system is held to it."""

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.workload import Order


@dataclass(frozen=True)
class View:
    """A job as an answer showed it, at some time between `begun` and `ended` (monotonic)."""

    begun: float
    ended: float
    status: str
    progress: float
    attempts: int
    artworks: frozenset[tuple[int, str]]

    @classmethod
    def of(cls, job: dict[str, Any], begun: float, ended: float) -> "View":
        made = frozenset((one["index"], one["sha256"]) for one in job["artworks"])
        return cls(begun, ended, job["status"], job["progress"], job["attempts"], made)


@dataclass
class Account:
    """One order's story, as its clients know it."""

    order: Order
    ids: set[str] = field(default_factory=set)
    """The job ids that were answered to its idempotency key: there should be one."""
    views: list[View] = field(default_factory=list)
    canceled: bool = False
    """A cancel was answered 200 or 202."""
    delete_sent: bool = False
    deleted: bool = False
    """A delete was answered."""
    odd: list[str] = field(default_factory=list)
    """Answers that nobody should get."""

    @property
    def id(self) -> str | None:
        return min(self.ids, default=None)


class Ledger:
    """All accounts."""

    def __init__(self, orders: list[Order]) -> None:
        self.accounts = {order.number: Account(order) for order in orders}
        self.answers: Counter[str] = Counter()
        self._accepted = 0
        self._lock = threading.Lock()

    def accept(self) -> None:
        """One more order has been answered."""
        with self._lock:
            self._accepted += 1

    @property
    def accepted(self) -> int:
        return self._accepted

    def count(self, answer: str) -> None:
        with self._lock:
            self.answers[answer] += 1
