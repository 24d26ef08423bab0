"""The whole system, as ports."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeVar

from shared.catalogue import BUILT_IN, Catalogue
from shared.fleet import Fleet
from shared.ports import Blobs, Queue, Table, Together, Topic
from shared.settings import Settings

T = TypeVar("T")

Lane = Literal["interactive", "bulk"]
LANES: tuple[Lane, ...] = ("interactive", "bulk")
OBJECTS = "objects"
"""Object-created events on their way to `ingest`."""
DELIVERIES = "deliveries"
"""Webhooks on their way out."""


def _now() -> datetime:
    return datetime.now(UTC)


def no_fleet() -> Fleet:
    """One machine's workers are its supervisor's affair."""
    raise LookupError("there is no fleet here")


def one_by_one(work: Callable[[], T]) -> T:
    """`shared.ports.Together` of services that know no transaction worth its price."""
    return work()


@dataclass(frozen=True)
class System:
    """Everything that the parts work with, as ports."""

    settings: Settings
    table: Table
    inbox: Blobs
    artworks: Blobs
    topic: Topic
    queue: Callable[[str], Queue]
    """A queue by its name."""
    secret: Callable[[], bytes]
    """The master secret, from which the tenants' webhook secrets are drawn."""
    catalogue: Callable[[], Catalogue]
    together: Together = one_by_one
    joint: bool = False
    """Much is written at once for little more than the price of one: `together` makes one commit,
    and `put_all` waits for the disk as often for many as for a few."""
    now: Callable[[], datetime] = _now
    fleet: Callable[[], Fleet] = no_fleet

    def lane(self, pool: str, lane: Lane) -> Queue:
        """The queue of one fleet for jobs that somebody waits for, or for bulk."""
        return self.queue(f"{pool}-{lane}")


def read_catalogue(path: Path | None) -> Catalogue:
    """The catalogue in that file, or the built-in one."""
    return Catalogue.read(path or BUILT_IN)
