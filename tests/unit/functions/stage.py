"""What the functions' tests stand on: the embedded adapters in a folder, a clock that is set by
hand, and jobs that have got as far as a test needs them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

from shared import lifecycle
from shared.bootstrap import assemble
from shared.contract import JobError, Status
from shared.lifecycle import Lease
from shared.ports import Queue
from shared.records import DeliveryRecord, DropSource, JobRecord, Made, UploadRecord
from shared.settings import Settings
from shared.signing import put_expiry
from shared.system import DELIVERIES, System
from tests.receiver import LOOPBACK

PUBLIC_URL = "https://art.test"
_numbers = count()


@dataclass
class Clock:
    """The time, which passes only when it is told to. It begins with the real time, by which the
    embedded table judges what has expired and the queue what is visible."""

    now: datetime = field(default_factory=lambda: datetime.now(UTC).replace(microsecond=0))

    def __call__(self) -> datetime:
        return self.now

    def pass_by(self, **duration: float) -> datetime:
        self.now += timedelta(**duration)
        return self.now


@dataclass
class Stage:
    """A system and its clock."""

    system: System
    clock: Clock

    @classmethod
    def at(cls, folder: Path, **chosen: Any) -> "Stage":
        clock = Clock()
        settings = Settings(
            data=folder / "data", public_url=PUBLIC_URL, allow_networks=LOOPBACK, **chosen
        )
        return cls(replace(assemble(settings), now=clock), clock)

    def put(self, **fields: Any) -> JobRecord:
        """A queued job."""
        return self.system.table.put(a_job(self.clock.now, **fields))

    def started(self, **fields: Any) -> tuple[JobRecord, Lease]:
        """A job that a worker holds."""
        job = lifecycle.start(self.put(**fields), "w1", self.clock.now, 3)
        return self.system.table.put(job), Lease("w1", job.attempt)

    def made(self, job: JobRecord, lease: Lease, index: int = 0, data: bytes = b"art") -> JobRecord:
        """The job with one more artwork, whose three blobs are stored."""
        made = an_artwork(index, data, lease.attempt)
        for key, stored in blobs_of(job, made, data).items():
            self.system.artworks.put(key, stored, "image/png")
        return self.system.table.put(lifecycle.append(job, lease, made))

    def succeeded(self, **fields: Any) -> JobRecord:
        """A job with one artwork that has ended and is not announced yet."""
        job, lease = self.started(**fields)
        job = self.made(job, lease)
        return self.system.table.put(lifecycle.succeed(job, lease, self.clock.now))

    def failed(self, **fields: Any) -> JobRecord:
        job, lease = self.started(**fields)
        error = JobError(code="image_unreadable", message="no picture", retryable=False)
        return self.system.table.put(lifecycle.fail(job, lease, error, self.clock.now))

    def upload(self, *jobs: str, data: bytes | None = b"photo", **fields: Any) -> UploadRecord:
        """An upload that these jobs use; with `data` its bytes have come."""
        now = self.clock.now
        record = UploadRecord(
            **{
                "id": an_id(),
                "tenant": "ann",
                "content_type": "image/png",
                "size": 5,
                "created_at": now,
                "expires_at": put_expiry(now),
                "jobs": jobs,
                "due_at": None if jobs else now + timedelta(days=1),
                **fields,
            }
        )
        if data is not None:
            self.system.inbox.put(record.key, data, record.content_type)
        return self.system.table.put(record)

    def job(self, job_id: str) -> JobRecord:
        found = self.system.table.get(JobRecord, job_id)
        assert found is not None
        return found

    def delivery(self, job_id: str, n: int = 0) -> DeliveryRecord:
        found = self.system.table.get(DeliveryRecord, job_id, f"delivery#{n:03d}")
        assert found is not None
        return found

    def messages(self, queue: str = DELIVERIES) -> list[dict[str, Any]]:
        """Take the messages that are visible now."""
        return [json.loads(body) for body in bodies(self.system.queue(queue))]

    def published(self) -> list[dict[str, Any]]:
        assert self.system.settings.data is not None
        path = self.system.settings.data / "events.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]


def bodies(queue: Queue) -> Iterator[str]:
    """What waits in the queue, taken out of it."""
    while letters := queue.receive(10, 60):
        for letter in letters:
            queue.delete(letter)
            yield letter.body


def an_id() -> str:
    """A fresh id: as long as a ULID, in order."""
    return f"{next(_numbers):026d}"


def a_job(now: datetime, **fields: Any) -> JobRecord:
    given: dict[str, Any] = {
        "id": an_id(),
        "tenant": "ann",
        "status": Status.QUEUED,
        "model": "paint",
        "model_version": "1",
        "pool": "standard",
        "lane": "interactive",
        "input": {"text": "a secret prompt"},
        "params": {"strength": 0.5},
        "seed": 1,
        "count": 1,
        "created_at": now,
        "queued_at": now,
        "wake_at": now + lifecycle.LOOK_AGAIN,
    }
    return JobRecord(**{**given, **fields})


def an_artwork(index: int, data: bytes, attempt: int = 1) -> Made:
    return Made(
        index=index,
        media_type="image/png",
        sha256=sha256(data).hexdigest(),
        bytes=len(data),
        width=4,
        height=3,
        attempt=attempt,
    )


def blobs_of(job: JobRecord, made: Made, data: bytes = b"art") -> dict[str, bytes]:
    """The keys under which one artwork is stored, and what is there."""
    return {
        made.key(job.tenant, job.id): data,
        made.thumbnail_key(job.tenant, job.id): b"thumbnail",
        made.manifest_key(job.tenant, job.id): b"{}",
    }


DROP = DropSource(batch="summer", name="夏 天+1.jpg")
