"""The seeded plan of what the clients will ask for."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Way = Literal["job", "upload", "ticket", "drop"]
Act = Literal["cancel", "delete"]

BATCHES: dict[str, dict[str, Any]] = {
    "first": {"model": "restless", "count": 2, "params": {"seconds": 0.1}},
    "second": {"model": "plain", "webhook": "fine/drops"},
    "third": {},
}
"""The shared drop folders, each with its settings."""
MOST_DEADLY = 12
LONG_SECONDS = 6.0
"""So long that only a heartbeat keeps a job from being taken by another worker."""
HOOKS = ("fine", "fine", "fine", "flaky", "slow", "rude")
"""What the receiver does on a path that begins so."""

POISON = {
    "deadly": frozenset({"attempts_exhausted"}),
    "broken": frozenset({"model_failed"}),
    "undecodable": frozenset({"image_unreadable"}),
    "forbidden_url": frozenset({"url_refused"}),
}
"""The codes with which each poison may fail."""
MODELS = {"deadly": "deadly", "broken": "broken", "undecodable": "looking"}


@dataclass(frozen=True)
class Order:
    """One job that a client is to have made, and what it does about it afterwards."""

    number: int
    way: Way = "job"
    model: str = "restless"
    count: int = 1
    seconds: float = 0.0
    poison: str | None = None
    hook: str | None = None
    start_within: int | None = None
    finish_within: int | None = None
    act: Act | None = None
    after: float = 0.0
    """Seconds from the acceptance to the act."""
    repeats: bool = False
    """The request is sent again though it was answered."""
    watched: bool = False
    withheld: bool = False
    """The upload that would start the job never comes."""

    @property
    def key(self) -> str:
        """The idempotency key."""
        return f"order-{self.number}"

    @property
    def batch(self) -> str:
        """The drop folder that the file goes to: one of its own, or one that is shared."""
        shared = list(BATCHES)[self.number % len(BATCHES)]
        return f"alone-{self.number}" if self.act or self.number % 2 else shared

    @property
    def wanted(self) -> int:
        """How many artworks the job is to have."""
        shared = self.way == "drop" and self.batch in BATCHES
        return BATCHES[self.batch].get("count", 1) if shared else self.count

    @property
    def codes(self) -> frozenset[str]:
        """With what the job is to fail, if it is to."""
        return POISON[self.poison] | {"attempts_exhausted"} if self.poison else frozenset()

    @property
    def may_expire(self) -> bool:
        return self.withheld or bool(self.start_within or self.finish_within)

    def options(self, receiver: str) -> dict[str, Any]:
        """The request's fields, its input apart."""
        given = {
            "model": self.model,
            "count": self.count,
            "params": {"seconds": self.seconds, "steps": max(4, int(self.seconds * 20))},
            "metadata": {"order": str(self.number)},
            "webhook": f"{receiver}/{self.hook}/{self.number}" if self.hook else None,
            "start_within": self.start_within,
            "finish_within": self.finish_within,
        }
        return {name: value for name, value in given.items() if value is not None}


def plan(jobs: int, seed: int, drops: bool) -> list[Order]:
    """All orders of a run."""
    chance = random.Random(f"workload {seed}")
    kinds = list(_rare(jobs))
    rare = dict(zip(chance.sample(range(jobs), min(len(kinds), jobs)), kinds, strict=False))
    return [_order(number, chance, rare.get(number), drops) for number in range(jobs)]


def _rare(jobs: int) -> Iterator[str]:
    """Long jobs, and poison: each deadly one kills as many workers as it has tries."""
    yield from ["long"] * max(2, jobs // 200)
    yield from ["deadly"] * min(MOST_DEADLY, max(1, jobs // 2000))
    for kind in ("broken", "undecodable", "forbidden_url"):
        yield from [kind] * max(1, jobs // 200)


def _order(number: int, chance: random.Random, rare: str | None, drops: bool) -> Order:
    usual: dict[str, Any] = {
        "number": number,
        "count": chance.choice((1, 1, 1, 2, 3, 4)),
        "seconds": round(0.3 * chance.random() ** 2, 2),
        "hook": f"{chance.choice(HOOKS)}" if chance.random() < 0.3 else None,
        "repeats": chance.random() < 0.15,
        "watched": chance.random() < 0.12,
    }
    if rare == "long":
        return Order(**usual | {"count": 1, "seconds": LONG_SECONDS})
    if rare:
        way = {"way": "upload"} if rare == "undecodable" else {}
        model = {"model": MODELS.get(rare, "restless")}
        return Order(**usual | way | model | {"poison": rare, "count": 1})
    return Order(**usual | _kind(chance, drops))


def _kind(chance: random.Random, drops: bool) -> dict[str, Any]:
    """How it comes and what becomes of it: most jobs are plain ones."""
    share = chance.random()
    if share < 0.05:
        act = chance.choice((None, None, None, "delete"))
        return {"way": "drop", "act": act, "after": chance.uniform(0, 10)}
    way: Way = "ticket" if share < 0.10 else "upload" if share < 0.15 else "job"
    common: dict[str, Any] = {"way": way, "model": chance.choice(("restless", "restless", "plain"))}
    fate = chance.random()
    if fate < 0.04:
        return common | {"start_within": chance.randint(1, 20)}
    if fate < 0.08:
        return common | {"finish_within": chance.randint(1, 20)}
    if fate < 0.16:
        return common | {"act": "cancel", "after": _moment(chance)}
    if fate < 0.21:
        return common | {"act": "delete", "after": _moment(chance)}
    return common | {"withheld": way == "ticket" and fate > 0.95}


def _moment(chance: random.Random) -> float:
    """At once, or while it waits, runs, or has long ended."""
    return chance.choice((0.0, chance.uniform(0, 2), chance.uniform(0, 20)))
