"""The HTTP contract, v1: what clients send and what they get.

Times are RFC 3339 UTC, durations are seconds, ids are sortable and URL-safe.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, StringConstraints, UrlConstraints
from pydantic.config import JsonDict

from shared.catalogue import ModelCard

MAX_UPLOAD_BYTES = 100 * 2**20
MAX_COUNT = 16
MAX_SEED = 2**32 - 1
MAX_WAIT_SECONDS = 20
WEEK_SECONDS = 7 * 24 * 3600

Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-z]{26}$")]
ArtworkId = Annotated[str, StringConstraints(pattern=r"^[0-9a-z]{26}-[0-9]{1,2}$")]
WebUrl = Annotated[HttpUrl, UrlConstraints(max_length=2048, allowed_schemes=["https", "http"])]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Seconds = Annotated[int, Field(ge=1, le=WEEK_SECONDS)]


class Message(BaseModel):
    """A part of the contract: unknown fields are an error, not a silence."""

    model_config = ConfigDict(extra="forbid")


class UploadSource(Message):
    """A picture that was uploaded before."""

    upload: Id


class UrlSource(Message):
    """A picture on the public web; fetched when the job runs."""

    url: WebUrl


ImageSource = UploadSource | UrlSource
Text = Annotated[str, StringConstraints(min_length=1, max_length=4000)]


class Status(StrEnum):
    """Where a job stands. It only moves forward, and an ended job never changes."""

    AWAITING_UPLOAD = "awaiting_upload"
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"

    @property
    def ended(self) -> bool:
        return self in ENDED


ENDED = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELED, Status.EXPIRED})


class JobOptions(Message):
    """What a job may carry beside its model and its input."""

    params: dict[str, Any] = Field(
        default_factory=dict, description="By the schema of the model's `params`."
    )
    seed: int | None = Field(default=None, ge=0, le=MAX_SEED, description="Drawn when left out.")
    count: int = Field(default=1, ge=1, le=MAX_COUNT, description="How many artworks to make.")
    webhook: WebUrl | None = Field(default=None, description="Told when the job has ended.")
    start_within: Seconds | None = Field(default=None, description="Else the job expires.")
    finish_within: Seconds | None = Field(default=None, description="Else the job expires.")
    metadata: dict[Name, Annotated[str, StringConstraints(max_length=512)]] = Field(
        default_factory=dict, max_length=16, description="Given back untouched."
    )


PAINT_A_PICTURE: JsonDict = {
    "model": "paint",
    "input": {"image": {"url": "https://example.com/photo.jpg"}},
    "params": {"style": "ink-wash", "strength": 0.8},
    "seed": 7,
}


class JobRequest(JobOptions):
    """`POST /v1/jobs`"""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [PAINT_A_PICTURE]})

    model: Name
    input: dict[str, Any] = Field(description="By the schema of the model's `input`.")


class UploadJobRequest(JobOptions):
    """The job that an upload starts: the uploaded picture becomes its `image`."""

    model: Name
    input: dict[str, Any] = Field(default_factory=dict, description="The other inputs, if any.")


UPLOAD_AND_PAINT: JsonDict = {
    "content_type": "image/jpeg",
    "size": 159818,
    "filename": "photo.jpg",
    "job": {"model": "paint", "params": {"style": "ink-wash"}},
}


class UploadRequest(Message):
    """`POST /v1/uploads`"""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [UPLOAD_AND_PAINT]})

    content_type: Literal[
        "image/jpeg",
        "image/png",
        "image/webp",
        "image/gif",
        "image/bmp",
        "image/tiff",
        "image/avif",
        "application/octet-stream",
    ]
    size: int = Field(ge=1, le=MAX_UPLOAD_BYTES, description="Exact, in bytes.")
    filename: str | None = Field(default=None, min_length=1, max_length=255)
    job: UploadJobRequest | None = None


class UploadTicket(Message):
    """Where to send the bytes: once, with exactly these headers, before `expires_at`."""

    id: Id
    url: str
    method: Literal["PUT"] = "PUT"
    headers: dict[str, str]
    expires_at: datetime
    job_id: Id | None = None


class Artwork(Message):
    """One artwork that is stored and committed."""

    id: ArtworkId
    index: int
    media_type: str
    url: str = Field(description="Signed; dies at `url_expires_at`. `/v1/artworks/{id}` does not.")
    thumbnail_url: str
    width: int | None = None
    height: int | None = None
    duration: float | None = Field(default=None, description="Seconds of sound or film.")
    sha256: str
    url_expires_at: datetime


class JobError(Message):
    """Why a job failed."""

    code: str
    message: str
    retryable: bool = Field(description="The same job, submitted again, may succeed.")


class QueueState(Message):
    """Why a job is not running yet."""

    position: int | None = Field(default=None, description="An estimate; null where unknown.")
    reason: str


class JobLinks(Message):
    """Where else to look."""

    self: str
    cancel: str
    deliveries: str


class Job(Message):
    """A job as its owner sees it."""

    id: Id
    status: Status
    model: str
    version: str
    progress: float = Field(ge=0, le=1)
    stage: str
    queue: QueueState | None = None
    attempts: int
    seed: int
    count: int
    batch: str | None = None
    params: dict[str, Any]
    metadata: dict[str, str]
    artworks: list[Artwork]
    error: JobError | None = None
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    links: JobLinks


class JobPage(Message):
    """Newest first. A list may lag behind a write by a moment."""

    items: list[Job]
    next: str | None = Field(default=None, description="The cursor of the next page.")


class ModelPage(Message):
    """The catalogue."""

    items: list[ModelCard]
    next: str | None = None


class DeliveryTry(Message):
    """One time that the webhook was called."""

    at: datetime
    status: int | None = Field(default=None, description="The receiver's HTTP status.")
    error: str | None = None


class Delivery(Message):
    """One event on its way to one webhook."""

    n: int
    event_id: str
    event_type: str
    url: str
    state: Literal["pending", "delivered", "given_up"]
    tries: list[DeliveryTry]
    next_try_at: datetime | None = None


class DeliveryPage(Message):
    """What became of a job's webhooks."""

    items: list[Delivery]
    next: str | None = None


class Manifest(BaseModel):
    """Provenance: everything that decided how an artwork looks."""

    artwork: ArtworkId
    model: str
    version: str
    weights: dict[str, str] = Field(description="File name to SHA-256.")
    params: dict[str, Any]
    text: dict[str, str] = Field(description="The words that were given, by input.")
    seed: int = Field(description="The artwork's own, drawn from the job's seed and the index.")
    job_seed: int
    index: int
    inputs: dict[str, str] = Field(description="SHA-256 of the bytes of each input.")
    sha256: str
    media_type: str
    code_version: str
    environment: dict[str, str]
    attempt: int
    made_at: datetime


class Health(Message):
    """Whether jobs are taken, and if not why."""

    ready: bool
    reasons: list[str] = Field(default_factory=list)


class Problem(BaseModel):
    """RFC 9457, `application/problem+json`."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable and machine-readable.")
    errors: list[dict[str, Any]] = Field(default_factory=list)


class Event(BaseModel):
    """What a webhook and SNS are told: links that do not die, no signed URL, no prompt."""

    type: str = Field(examples=["job.succeeded"])
    timestamp: datetime
    data: dict[str, Any]
