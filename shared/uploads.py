"""Which jobs an upload serves: it goes with the last of them."""

from collections.abc import Callable
from datetime import datetime, timedelta

from shared.errors import UploadNotFound, WriteConflict
from shared.ports import Table
from shared.records import UploadRecord

UNUSED_LIFE = timedelta(days=1)
"""An upload that no job uses is removed then."""
MOST_JOBS = 12_000
"""Of one upload: its record names each, and DynamoDB takes 400 KB. Those who name it at one moment
may be a few more."""


def attach(table: Table, upload_id: str, job_id: str, now: datetime) -> None:
    """Bind the upload to a job that is about to be written. Raises `UploadNotFound` where it has
    gone, or is being removed.

    It is due a day later: `sweep` finds out then whether the job was ever written.
    """

    def bound(upload: UploadRecord) -> UploadRecord:
        if upload.removed:
            raise UploadNotFound(f"upload {upload_id} is being removed")
        jobs = tuple(dict.fromkeys((*upload.jobs, job_id)))
        return upload.model_copy(update={"jobs": jobs, "due_at": now + UNUSED_LIFE})

    if _change(table, upload_id, bound) is None:
        raise UploadNotFound(f"there is no upload {upload_id}")


def detach(table: Table, upload_id: str, job_id: str) -> UploadRecord | None:
    """Let the upload go; None where it has gone already."""
    return _change(
        table,
        upload_id,
        lambda upload: upload.model_copy(
            update={"jobs": tuple(job for job in upload.jobs if job != job_id)}
        ),
    )


def _change(
    table: Table, upload_id: str, change: Callable[[UploadRecord], UploadRecord]
) -> UploadRecord | None:
    while True:
        upload = table.get(UploadRecord, upload_id)
        if upload is None:
            return None
        changed = change(upload)
        if changed == upload:
            return upload
        try:
            return table.put(changed)
        except WriteConflict:
            continue
