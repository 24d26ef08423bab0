"""Which jobs an upload serves: it goes with the last of them."""

from collections.abc import Callable

from shared.errors import UploadNotFound, WriteConflict
from shared.ports import Table
from shared.records import UploadRecord


def attach(table: Table, upload_id: str, job_id: str) -> UploadRecord:
    """Bind the upload to a job. Raises `UploadNotFound` where it has gone."""
    changed = _change(
        table,
        upload_id,
        lambda upload: upload.model_copy(
            update={"jobs": tuple(dict.fromkeys((*upload.jobs, job_id))), "due_at": None}
        ),
    )
    if changed is None:
        raise UploadNotFound(f"there is no upload {upload_id}")
    return changed


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
