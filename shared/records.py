"""What the table keeps: frozen records, each written whole under a condition on its version.

Every record has a partition key, a sort key and a version. Some stand in an index: `owner` (lists,
newest first), `batch` (the jobs of one drop folder) and `due` (what `sweep` looks at, and when).
"""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Literal, NamedTuple
from zlib import crc32

from pydantic import BaseModel, ConfigDict, Field

from shared.contract import JobError, Status

DUE_SHARDS = 16
TOMBSTONE_LIFE = timedelta(days=30)
"""Longer than an idempotency key lives, so that its reuse is answered 410."""


class Index(NamedTuple):
    """Where a record stands in the table's indices; None keeps it out of one."""

    owner: str | None = None
    batch: str | None = None
    due_at: datetime | None = None
    expires_at: datetime | None = None
    status: str | None = None
    announce: bool = False


class Record(BaseModel):
    """An item of the table. `version` 0 has never been written.

    Fields that only newer code knows are kept as they came: while a deployment lasts, old code
    writes records that new code has written.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    version: int = Field(default=0, exclude=True)

    @property
    def pk(self) -> str:
        raise NotImplementedError

    @property
    def sk(self) -> str:
        raise NotImplementedError

    def index(self) -> Index:
        return Index()


def due_shard(pk: str) -> int:
    """The shard of the `due` index that holds this partition."""
    return crc32(pk.encode()) % DUE_SHARDS


class Made(BaseModel):
    """One artwork of a job, stored before it was appended here."""

    model_config = ConfigDict(frozen=True, extra="allow")

    index: int
    media_type: str
    sha256: str
    bytes: int
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    attempt: int

    def key(self, tenant: str, job_id: str) -> str:
        """`<tenant>/<job>/<index>-<sha256>.<ext>`"""
        return f"{tenant}/{job_id}/{self.index}-{self.sha256}.{EXTENSIONS[self.media_type]}"

    def keys(self, tenant: str, job_id: str) -> tuple[str, str, str]:
        """The artwork, its thumbnail and its manifest."""
        place = (tenant, job_id)
        return self.key(*place), self.thumbnail_key(*place), self.manifest_key(*place)

    def thumbnail_key(self, tenant: str, job_id: str) -> str:
        return f"{tenant}/{job_id}/{self.index}-{self.sha256}.thumbnail.webp"

    def manifest_key(self, tenant: str, job_id: str) -> str:
        return f"{tenant}/{job_id}/{self.index}-{self.sha256}.manifest.json"


EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/gif": "gif",
    "text/plain": "txt",
    "text/plain; charset=utf-8": "txt",
    "audio/wav": "wav",
    "audio/midi": "mid",
    "video/mp4": "mp4",
    "model/gltf-binary": "glb",
    "application/json": "json",
}


MIRROR = "mirror"
"""Where mirrors stand beside the tenants' artworks: no tenant may be called that."""


class DropSource(BaseModel):
    """The dropped file that a job was made from, and where its mirror goes."""

    model_config = ConfigDict(frozen=True)

    batch: str
    name: str

    def key(self, tenant: str) -> str:
        """Where the dropped file lies in the inbox."""
        return f"drops/{tenant}/{self.batch}/{self.name}"

    def mirror_key(self, tenant: str, made: Made) -> str:
        """The full source name is kept: `a.jpg.png`, and for its second artwork `a.jpg.1.png`."""
        nth = f".{made.index}" if made.index else ""
        return f"{MIRROR}/{tenant}/{self.batch}/{self.name}{nth}.{EXTENSIONS[made.media_type]}"


class JobRecord(Record):
    """A job: the truth about it. Written by the transitions of `shared.lifecycle` only."""

    id: str
    tenant: str
    status: Status
    model: str
    model_version: str
    pool: str
    lane: Literal["interactive", "bulk"]
    input: dict[str, Any]
    uploads: tuple[str, ...] = ()
    """The uploads that the input names; kept until the job has been purged."""
    params: dict[str, Any]
    seed: int
    count: int
    metadata: dict[str, str] = {}
    webhook: str | None = None
    drop: DropSource | None = None
    origin: str = ""
    """Where clients reached us when the job was made: its event's links never change."""

    created_at: datetime
    queued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    start_by: datetime | None = None
    finish_by: datetime | None = None

    attempt: int = 0
    """The fencing token: rises whenever a worker takes the job."""
    tries: int = 0
    """The attempts that count: one that was handed back unused does not."""
    holder: str | None = None
    """The worker that holds the current attempt; None between attempts."""
    cancel_requested: bool = False
    backoff: float = 0.0
    """Seconds of the last wait between two attempts: the next one is drawn from it."""
    troubled_since: datetime | None = None
    """When a service of ours began to fail this job; None once an artwork was made."""
    artworks: tuple[Made, ...] = ()
    error: JobError | None = None
    lost: bool = False
    """An attempt ended without a verdict, perhaps because the job has killed its worker: it runs
    alone, so that it takes no other job along."""
    announce: bool = False
    """The outbox: this job's end has not been announced yet."""
    untidy: bool = False
    """Blobs may lie under this ended job that it does not name."""
    deleted: bool = False
    """A tombstone: nothing is left of the job but its id."""
    wake_at: datetime | None = None
    """When `sweep` is to look at it, deadlines apart."""

    @property
    def pk(self) -> str:
        return self.id

    @property
    def sk(self) -> str:
        return "job"

    @property
    def purged(self) -> bool:
        """A tombstone under which nothing can be stored any more."""
        return self.deleted and self.wake_at is None

    @property
    def batch_key(self) -> str | None:
        return f"{self.tenant}/{self.drop.batch}" if self.drop else None

    @property
    def missing(self) -> list[int]:
        """The indices of the artworks that are still to be made."""
        made = {artwork.index for artwork in self.artworks}
        return [index for index in range(self.count) if index not in made]

    def deadlines(self) -> list[datetime]:
        """The times at which an unfinished job expires."""
        if self.status.ended:
            return []
        not_started = self.start_by if self.status is not Status.RUNNING else None
        return [moment for moment in (not_started, self.finish_by) if moment]

    def index(self) -> Index:
        moments = [*self.deadlines(), *([self.wake_at] if self.wake_at else [])]
        listed = not self.deleted
        return Index(
            owner=self.tenant if listed else None,
            batch=self.batch_key if listed else None,
            due_at=min(moments, default=None),
            expires_at=self.ended_at + TOMBSTONE_LIFE if self.purged and self.ended_at else None,
            status=self.status.value,
            announce=self.announce,
        )


class PulseRecord(Record):
    """A running job's sign of life, apart from the job so that it wakes nobody."""

    job: str
    attempt: int
    beat: int = 0
    progress: float = 0.0
    stage: str = "preparing"

    @property
    def pk(self) -> str:
        return self.job

    @property
    def sk(self) -> str:
        return "pulse"


def upload_key(tenant: str, upload_id: str) -> str:
    """Where the bytes of an upload are in the inbox: each tenant's in a place of its own."""
    return f"uploads/{tenant}/{upload_id}"


class UploadRecord(Record):
    """A ticket for one upload, and the jobs that use it."""

    id: str
    tenant: str
    content_type: str
    size: int
    filename: str | None = None
    created_at: datetime
    expires_at: datetime
    jobs: tuple[str, ...] = ()
    starts: str | None = None
    """The job that waits for this upload."""
    due_at: datetime | None = None
    removed: bool = False
    """Its bytes are being removed: no job may use it any more."""

    @property
    def pk(self) -> str:
        return self.id

    @property
    def sk(self) -> str:
        return "upload"

    @property
    def key(self) -> str:
        """Where the bytes go in the inbox."""
        return upload_key(self.tenant, self.id)

    def index(self) -> Index:
        return Index(due_at=self.due_at)


class IdempotencyRecord(Record):
    """What a client's `Idempotency-Key` stands for."""

    tenant: str
    route: str
    key: str
    fingerprint: str
    target: str
    """The id that was minted for the job or the upload."""
    job: str | None = None
    expires_at: datetime

    @property
    def pk(self) -> str:
        return f"idempotency#{self.tenant}#{self.route}#{self.key}"

    @property
    def sk(self) -> str:
        return "idempotency"

    def index(self) -> Index:
        return Index(expires_at=self.expires_at)


class SeenRecord(Record):
    """An object event that was taken: (bucket, key, sequencer)."""

    event: str
    job: str
    expires_at: datetime

    @property
    def pk(self) -> str:
        return f"seen#{self.event}"

    @property
    def sk(self) -> str:
        return "seen"

    def index(self) -> Index:
        return Index(expires_at=self.expires_at)


class SourceRecord(Record):
    """The latest job that a dropped file was made into: the file, and what its name leads to, goes
    with that one."""

    source: str
    """A hash of the key: no name outlives its job here."""
    job: str

    @classmethod
    def of(cls, key: str, job: str) -> "SourceRecord":
        return cls(source=sha256(key.encode()).hexdigest(), job=job)

    @property
    def pk(self) -> str:
        return f"source#{self.source}"

    @property
    def sk(self) -> str:
        return "source"


class KeyRecord(Record):
    """An API key: only its hash is kept."""

    id: str
    digest: str
    tenant: str
    name: str
    created_at: datetime
    revoked_at: datetime | None = None

    @property
    def pk(self) -> str:
        return f"key#{self.digest}"

    @property
    def sk(self) -> str:
        return "key"

    def index(self) -> Index:
        return Index(owner="#keys")


class BucketRecord(Record):
    """A tenant's tokens for submissions, as they were at a moment."""

    tenant: str
    tokens: float
    at: datetime
    expires_at: datetime

    @property
    def pk(self) -> str:
        return f"bucket#{self.tenant}"

    @property
    def sk(self) -> str:
        return "bucket"

    def index(self) -> Index:
        return Index(expires_at=self.expires_at)


class Try(BaseModel):
    """One time that a webhook was called."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    status: int | None = None
    error: str | None = None


class DeliveryRecord(Record):
    """One event for one webhook: the very bytes that are sent, and what came of it."""

    job: str
    tenant: str
    n: int
    event_id: str
    event_type: str
    url: str
    body: str
    state: Literal["pending", "delivered", "given_up"] = "pending"
    tries: tuple[Try, ...] = ()
    round: int = 0
    """Tries since the last redelivery: where the backoff stands."""
    next_try_at: datetime | None = None
    since: datetime | None = None
    """When this series of tries began."""

    @property
    def pk(self) -> str:
        return self.job

    @property
    def sk(self) -> str:
        return f"delivery#{self.n:03d}"

    def index(self) -> Index:
        return Index(due_at=self.next_try_at)


KINDS: dict[str, type[Record]] = {
    "job": JobRecord,
    "pulse": PulseRecord,
    "upload": UploadRecord,
    "idempotency": IdempotencyRecord,
    "seen": SeenRecord,
    "source": SourceRecord,
    "key": KeyRecord,
    "bucket": BucketRecord,
    "delivery": DeliveryRecord,
}
"""The record class for the part of a sort key before its `#`."""
