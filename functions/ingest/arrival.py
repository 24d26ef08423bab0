"""What an object-created event tells, and where it leads."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from functions import measures
from functions.ingest.drop import take_drop
from functions.submission import send
from shared import lifecycle
from shared.contract import Status
from shared.errors import StaleAttempt
from shared.records import JobRecord, UploadRecord
from shared.system import System


@dataclass(frozen=True)
class Arrival:
    """One object that was created in the inbox.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """

    bucket: str
    key: str
    size: int
    sequencer: str

    @classmethod
    def of(cls, entry: dict[str, Any]) -> "Arrival":
        """From one entry of an S3 event, whose key is URL-encoded with `+` for a space."""
        stored = entry["s3"]["object"]
        return cls(
            bucket=entry["s3"]["bucket"]["name"],
            key=unquote_plus(stored["key"]),
            size=int(stored.get("size", 0)),
            sequencer=str(stored.get("sequencer", "")),
        )

    @property
    def place(self) -> str:
        """The kind and tenant only: names of files are nobody's business in a log."""
        return "/".join(self.key.split("/")[:2])


def take(system: System, arrival: Arrival) -> None:
    """Start the job that the object was waited for, or that it stands for. Repeatable."""
    match arrival.key.split("/", 1)[0]:
        case "uploads":
            _take_upload(system, arrival)
        case "drops":
            take_drop(system, arrival.key, f"{arrival.bucket}/{arrival.key}/{arrival.sequencer}")


def _take_upload(system: System, arrival: Arrival) -> None:
    upload = system.table.get(UploadRecord, arrival.key.rsplit("/", 1)[-1])
    if upload is None or upload.removed:
        system.inbox.delete(arrival.key)  # it came after all that it was for had gone
        return
    if upload.starts is None or upload.key != arrival.key:
        return
    job = system.table.get(JobRecord, upload.starts)
    if job is None:
        raise StaleAttempt("the upload came before its job was written")
    now = system.now()
    queued = lifecycle.apply(system.table, job, lambda job: lifecycle.enqueue(job, now))
    if queued.status is Status.QUEUED:
        send(system, queued)
        measures.queued(system.settings.stack, queued)
