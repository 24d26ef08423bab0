"""After DELETE nothing is left of what a user wrote, sent or was given, in any place that is ours.

What stays is named in `KEPT`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from functions.announcing import announce
from functions.deletion import delete_job
from functions.idempotency import claim, new_id
from functions.ingest.drop import take_drop
from functions.submission import accept, draft
from functions.sweep.due import sweep
from functions.ticket import issue
from shared import lifecycle
from shared.contract import JobError, JobOptions, JobRequest, UploadRequest
from shared.embedded.table import SqliteTable
from shared.lifecycle import Lease
from shared.records import JobRecord, Made, UploadRecord
from shared.system import System
from tests.contract.worlds import World

TENANT = "ann"
PROMPT, PARAMETER, METADATA, FILENAME, BATCH, HOOK, ORDER = (
    f"{name}-4711-quokka"
    for name in ("prompt", "parameter", "metadata", "filename", "batch", "hook", "order")
)
PICTURE, ARTWORK, THUMBNAIL, LATE = (
    f"{name} of a quokka".encode() * 50 for name in ("picture", "artwork", "thumbnail", "late")
)
CONTENT = {
    *(text.encode() for text in (PROMPT, PARAMETER, FILENAME, HOOK)),
    *(PICTURE[:32], ARTWORK[:32], THUMBNAIL[:32], LATE[:32]),
    *(sha256(data).hexdigest().encode() for data in (PICTURE, LATE)),
}
"""Nothing may hold these."""
ANNOUNCED = {METADATA.encode(), BATCH.encode(), sha256(ARTWORK).hexdigest().encode()}
"""Nor these, but for what was published before: `events.jsonl` is the topic of one machine, and
what was told cannot be untold."""
KEPT = {"job", "idempotency", "seen"}
"""The tombstone with the job's id; for a week the idempotency key, so that its reuse is answered
410, with a hash of the request; for a month the hash of a drop's event, so that it makes no job
again."""


@dataclass
class Clock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class Life:
    """A system whose time is set by hand."""

    world: World
    system: System
    clock: Clock

    def job(self, **more: Any) -> JobRecord:
        """A queued job that holds all that a job can."""
        given = {"text": PROMPT, **more}
        options = JobOptions(
            params={"x": PARAMETER},
            metadata={"note": METADATA},
            webhook=f"https://example.invalid/{HOOK}",
        )
        card = self.system.catalogue().get("paint")
        return accept(self.system, draft(self.system, TENANT, options, card, given, new_id()))

    def upload(self, **job: Any) -> UploadRecord:
        request = UploadRequest.model_validate(
            {"content_type": "image/png", "size": len(PICTURE), "filename": FILENAME, **job}
        )
        ticket = issue(self.system, TENANT, request)
        found = self.system.table.get(UploadRecord, ticket.id)
        assert found is not None
        return found

    def arrive(self, upload: UploadRecord, data: bytes = PICTURE) -> None:
        self.system.inbox.put(upload.key, data, "image/png")

    def started(self, job: JobRecord) -> tuple[JobRecord, Lease]:
        held = lifecycle.start(job, "w", self.clock.now, 3)
        return self.system.table.put(held), Lease("w", held.attempt)

    def stored(self, job: JobRecord, lease: Lease, data: bytes = ARTWORK) -> Made:
        """An artwork, its thumbnail and a manifest that quotes the prompt."""
        digest = sha256(data).hexdigest()
        made = Made(
            index=0, media_type="image/png", sha256=digest, bytes=len(data), attempt=lease.attempt
        )
        manifest = f"{PROMPT} {PARAMETER} {digest}".encode()
        kept = zip(made.keys(job.tenant, job.id), (data, THUMBNAIL, manifest), strict=True)
        for key, one in kept:
            self.system.artworks.put(key, one, "image/png")
        return made

    def succeeded(self, job: JobRecord) -> JobRecord:
        held, lease = self.started(job)
        made = self.stored(held, lease)
        done = self.system.table.put(lifecycle.commit(held, lease, made, self.clock.now))
        return announce(self.system, done)


def queued(life: Life) -> JobRecord:
    return life.job()


def awaiting_upload(life: Life) -> JobRecord:
    upload = life.upload(job={"model": "paint", "metadata": {"note": METADATA}})
    found = life.system.table.get(JobRecord, upload.starts or "")
    assert found is not None
    return found


def running(life: Life) -> JobRecord:
    held, lease = life.started(life.job())
    life.stored(held, lease)
    return held


def succeeded(life: Life) -> JobRecord:
    return life.succeeded(life.job())


def failed(life: Life) -> JobRecord:
    held, lease = life.started(life.job())
    error = JobError(code="model_failed", message="it raised", retryable=False)
    ended = lifecycle.fail(held, lease, error, life.clock.now)
    return announce(life.system, life.system.table.put(ended))


def from_upload(life: Life) -> JobRecord:
    upload = life.upload()
    life.arrive(upload)
    return life.succeeded(life.job(image={"upload": upload.id}))


def from_drop(life: Life) -> JobRecord:
    key = f"drops/{TENANT}/{BATCH}/{FILENAME}.png"
    life.system.inbox.put(key, PICTURE, "image/png")
    take_drop(life.system, key, f"inbox/{key}/1")
    (job,) = life.system.table.batch(f"{TENANT}/{BATCH}", None, 2)
    return life.succeeded(job)


def with_a_key(life: Life) -> JobRecord:
    request = JobRequest(model="paint", input={"text": PROMPT}, params={"x": PARAMETER})
    claim(life.system, TENANT, "jobs", ORDER, request)
    return life.succeeded(life.job())


LIVES: tuple[Callable[[Life], JobRecord], ...] = (
    *(queued, awaiting_upload, running, succeeded, failed),
    *(from_upload, from_drop, with_a_key),
)


@pytest.fixture
def life(world: World) -> Life:
    clock = Clock(datetime.now(UTC).replace(microsecond=0))
    return Life(world, replace(world.system, now=clock), clock)


def kept(life: Life) -> Iterator[tuple[str, bytes]]:
    """All that is kept, by the place where it is."""
    if life.world.clients is None:
        yield from _files(life.system)
    else:
        yield from _stored(life)


def _files(system: System) -> Iterator[tuple[str, bytes]]:
    """Every file: the database, its log and the events among them."""
    folder = system.settings.data
    assert folder is not None
    for path in folder.rglob("*"):
        if path.is_file():
            name = str(path.relative_to(folder))
            yield name, name.encode() + path.read_bytes()


def _stored(life: Life) -> Iterator[tuple[str, bytes]]:
    """Every item of the table, every object and its key."""
    clients, chosen = life.world.clients, life.system.settings
    assert clients is not None
    for item in clients.call("dynamodb", "scan", TableName=chosen.table)["Items"]:
        yield f"item {item['sk']['S']}", repr(item).encode()
    for blobs in (life.system.inbox, life.system.artworks):
        for prefix in ("uploads/", "drops/", f"{TENANT}/", "mirror/"):
            for key in blobs.keys(prefix):
                yield f"blob {key}", key.encode() + (blobs.get(key) or b"")


def late(life: Life, job: JobRecord) -> None:
    """A zombie stores its artwork, and an upload arrives, after all was removed."""
    life.stored(job, Lease("w", max(1, job.attempt)), LATE)
    for upload_id in job.uploads:
        upload = life.system.table.get(UploadRecord, upload_id)
        if upload is not None:
            life.arrive(upload, LATE)


@pytest.mark.parametrize("lived", LIVES, ids=lambda lived: lived.__name__)
def test_nothing_is_left(life: Life, lived: Callable[[Life], JobRecord]) -> None:
    job = lived(life)
    assert any(text in held for _, held in kept(life) for text in CONTENT | ANNOUNCED)
    delete_job(life.system, job)
    late(life, job)
    for _ in range(3):
        life.clock.now += timedelta(minutes=20)
        assert sweep(life.system).failed == 0
    if isinstance(life.system.table, SqliteTable):
        life.system.table.collect_garbage()  # as the schedule does each minute
    for place, held in kept(life):
        left = {text for text in CONTENT if text in held}
        if not place.startswith("events"):
            left |= {text for text in ANNOUNCED if text in held}
        assert not left, f"{place} holds {left}"
        assert not place.startswith(("blob", "uploads/", "drops/", "artworks/")), place
        assert not place.startswith("item") or place.split()[1].partition("#")[0] in KEPT, place


@pytest.mark.parametrize("lived", [succeeded, from_upload, from_drop], ids=lambda one: one.__name__)
def test_at_once_nothing_can_be_got(life: Life, lived: Callable[[Life], JobRecord]) -> None:
    """What `sweep` removes once more is for late writers only."""
    job = lived(life)
    delete_job(life.system, job)
    for blobs, prefix in (
        (life.system.artworks, f"{TENANT}/"),
        (life.system.artworks, "mirror/"),
        (life.system.inbox, "uploads/"),
        (life.system.inbox, f"drops/{TENANT}/"),
    ):
        assert list(blobs.keys(prefix)) == []
