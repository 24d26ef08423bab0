"""What the system needs of the world: a table, queues, blobs and a topic.

Two sets of adapters keep these promises, `shared.aws` and `shared.embedded`; one suite,
`tests/contract`, holds both to them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from shared.contract import Event
from shared.records import JobRecord, Record

R = TypeVar("R", bound=Record)
T = TypeVar("T")


class Table(Protocol):
    """Records under (pk, sk). Each write replaces one record under a condition on its version."""

    def get(self, kind: type[R], pk: str, sk: str | None = None) -> R | None:
        """The record as it now is (a consistent read), or None. What has expired is not there.

        `sk` may be left out for the kinds that have one a partition.
        """

    def get_many(self, kind: type[R], pks: Sequence[str]) -> dict[str, R]:
        """Of a kind that has one record a partition: those that are there, by partition key, each
        as it now is."""

    def put(self, record: R) -> R:
        """Write it if the stored version is still `record.version` (0: if there is none), and
        return it with its new version. Raises `WriteConflict`, and then nothing was written.

        A record with `announce` wakes `notify` in the same write.
        """

    def delete(self, record: Record) -> None:
        """Remove it, whatever its version."""

    def partition(self, kind: type[R], pk: str) -> list[R]:
        """The records of one kind under one partition key, by sort key."""

    def owned(
        self, kind: type[R], owner: str, before: str | None, limit: int, status: str | None = None
    ) -> list[R]:
        """Newest first, by partition key; those after the cursor `before`. May lag behind."""

    def batch(self, batch: str, before: str | None, limit: int) -> list[JobRecord]:
        """The jobs of one drop folder, newest first. May lag behind."""

    def due(self, shard: int, now: datetime, limit: int) -> list[Record]:
        """Records of one shard whose `due_at` has come, the longest overdue first."""

    def watch(self, pk: str, seconds: float) -> None:
        """Return when the partition may have changed, after `seconds` at the latest."""


@dataclass(frozen=True)
class Letter:
    """A message as it was received: `handle` is good for this receipt only."""

    body: str
    handle: str
    receives: int
    group: str


class Queue(Protocol):
    """At-least-once delivery with a visibility timeout; after too many receives, a dead letter."""

    def send(self, body: str, group: str, delay: float = 0) -> None:
        """`group` is the tenant: no group starves another. `delay` in seconds, 900 at most."""

    def receive(self, limit: int, visibility: float, wait: float = 0) -> list[Letter]:
        """Up to `limit` (10 at most) letters, each invisible to others for `visibility` seconds.
        Waits up to `wait` seconds (20 at most) for the first."""

    def extend(self, letter: Letter, visibility: float) -> None:
        """Visible again `visibility` seconds from now (0: at once). A stale handle does nothing."""

    def extend_all(self, seconds: Mapping[Letter, float]) -> Sequence[Letter]:
        """As `extend`, each letter by seconds of its own. The letters for which that failed, where
        it could be done for others."""

    def delete(self, *letters: Letter) -> None:
        """Done with them. A stale handle never removes what another holds."""

    def depth(self) -> int:
        """About how many letters wait."""

    def position(self, body: str) -> int | None:
        """About how many letters stand before the one with this body; None where unknown."""


class Together(Protocol):
    """What makes several writes one."""

    def __call__(self, work: Callable[[], T]) -> T:
        """The writes that `work` makes to the table and to queues are durable when this returns: in
        one commit and all or nothing where the service can do that, else one after the other.

        A `WriteConflict` concerns its own write only; `work` may catch it and go on. It may be run
        in another thread, and must not wait for anything: all other writers wait for it.
        """


@dataclass(frozen=True)
class Blob:
    """What is to be stored, and where."""

    key: str
    data: bytes
    media_type: str


@dataclass(frozen=True)
class BlobInfo:
    """What is known of a stored blob."""

    key: str
    size: int


@dataclass(frozen=True)
class SignedPut:
    """A permission to write one blob once."""

    url: str
    headers: Mapping[str, str]


class Blobs(Protocol):
    """One bucket."""

    def put(self, key: str, data: bytes, media_type: str) -> None:
        """Durable when it returns. Keys are written with the same bytes or not at all."""

    def put_all(self, blobs: Sequence[Blob]) -> None:
        """All are durable when it returns. Where it raises, any of them may be there."""

    def get(self, key: str) -> bytes | None:
        """The whole blob, or None."""

    def head(self, key: str) -> BlobInfo | None:
        """What is there, or None."""

    def copy(self, key: str, source: "Blobs", source_key: str) -> None:
        """A copy from another bucket of the same kind. Repeatable."""

    def delete(self, key: str) -> None:
        """Gone, or was not there."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Every key under the prefix, which ends with `/`."""

    def sign_put(self, key: str, media_type: str, size: int, now: datetime) -> SignedPut:
        """A URL that takes exactly these bytes' size and type, once, until `put_expiry(now)`."""

    def sign_get(self, key: str, now: datetime, filename: str | None = None) -> str:
        """A URL that lives until `get_expiry(now)`; the same one for a whole signing window."""


class Topic(Protocol):
    """Who is told that a job has ended."""

    def publish(self, events: Mapping[str, Event]) -> None:
        """All these, by their ids, are told when it returns, each at least once. Where it raises,
        any of them may have been."""
