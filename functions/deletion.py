"""Deleting a job: a tombstone first, then everything that it leads to.

The tombstone makes every later write under the job fail, and keeps what leads to the rest
(artworks, drop, uploads) until `sweep` has purged a second time, once every lease has lapsed.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256

from shared import lifecycle
from shared.errors import Forbidden, WriteConflict
from shared.ports import Blobs
from shared.records import DeliveryRecord, JobRecord, Made, PulseRecord, UploadRecord
from shared.system import System
from shared.uploads import detach

PAGE = 500
GRACE = timedelta(minutes=1)
"""For clocks that differ, and for a request that is under way."""


def delete_job(system: System, job: JobRecord) -> JobRecord:
    """Bury the job, canceling it if it had not ended, and remove all that was its. Repeatable."""
    now = system.now()
    buried = lifecycle.apply(system.table, job, lambda current: lifecycle.bury(current, now))
    purge(system, buried)
    return buried


def purge(system: System, job: JobRecord) -> None:
    """Remove everything that a buried job leads to. Repeatable."""
    remove_all(system.artworks, f"{job.tenant}/{job.id}/")
    for made in job.artworks:
        remove_mirror(system.artworks, job, made)
    remove_drop(system, job)
    for delivery in system.table.partition(DeliveryRecord, job.id):
        system.table.delete(delivery)
    system.table.delete(PulseRecord(job=job.id, attempt=job.attempt))
    for upload_id in job.uploads:
        release(system, upload_id, job.id)


def remove_all(blobs: Blobs, prefix: str) -> None:
    """Remove every blob under the prefix."""
    for key in blobs.keys(prefix):
        blobs.delete(key)


def remove_mirror(blobs: Blobs, job: JobRecord, made: Made) -> None:
    """Remove an artwork's mirror, unless it is another's: a file that was dropped again under the
    same name has laid its own artwork there."""
    if job.drop is None:
        return
    key = job.drop.mirror_key(job.tenant, made)
    try:
        stored = blobs.get(key)
    except Forbidden:  # a name too long to be kept: it never was
        return
    if stored is not None and sha256(stored).hexdigest() == made.sha256:
        blobs.delete(key)


def remove_drop(system: System, job: JobRecord) -> None:
    """Remove the dropped file, unless it was dropped anew and another job is made from it."""
    if job.drop is None or job.batch_key is None:
        return
    others = (other for other in batch_of(system, job.batch_key) if other.id != job.id)
    if not any(other.drop == job.drop for other in others):
        system.inbox.delete(job.drop.key(job.tenant))


def batch_of(system: System, batch: str) -> Iterator[JobRecord]:
    """The jobs of a batch, the newest first."""
    page = system.table.batch(batch, None, PAGE)
    while page:
        yield from page
        page = system.table.batch(batch, page[-1].id, PAGE)


def release(system: System, upload_id: str, job_id: str) -> None:
    """The job needs the upload no more; the upload goes with its last job.

    A job that it names and that was never written is found by `sweep`, a day after it was bound.
    """
    upload = detach(system.table, upload_id, job_id)
    if upload is not None and not upload.jobs:
        remove_upload(system, upload)


def remove_upload(system: System, upload: UploadRecord) -> None:
    """Remove an unused upload, unless a job takes it at this moment.

    While its URL is still open the record stays, and is due when the URL has closed: bytes that
    arrive late are found by it.
    """
    now = system.now()
    closed = upload.expires_at + GRACE
    removed = {"removed": True, "due_at": max(now, closed)}
    try:
        marked = system.table.put(upload.model_copy(update=removed))
    except WriteConflict:
        return
    system.inbox.delete(upload.key)
    if closed <= now:
        system.table.delete(marked)


def settle_upload(system: System, upload: UploadRecord, now: datetime) -> None:
    """An upload that is due: remove it if no job uses it, else it is not due any more.

    Jobs that were never written are forgotten, or it would outlive those that were.
    """
    if upload.due_at is None or upload.due_at + GRACE > now:
        return
    used = tuple(job_id for job_id in upload.jobs if _lives(system, job_id))
    if not used:
        remove_upload(system, upload)
        return
    try:
        system.table.put(upload.model_copy(update={"jobs": used, "due_at": None}))
    except WriteConflict:
        return


def _lives(system: System, job_id: str) -> bool:
    job = system.table.get(JobRecord, job_id)
    return job is not None and not job.deleted
