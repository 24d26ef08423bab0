"""Deleting a job: a tombstone first, then everything that it leads to.

The tombstone makes every later write under the job fail, and keeps what leads to the rest
(artworks, drop, uploads) until `sweep` has purged a second time, once every lease has lapsed.
"""

from datetime import datetime, timedelta
from hashlib import sha256

from shared import lifecycle
from shared.errors import Forbidden, WriteConflict
from shared.ports import Blobs
from shared.records import DeliveryRecord, JobRecord, Made, PulseRecord, SourceRecord, UploadRecord
from shared.system import System
from shared.uploads import detach

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
    latest = remove_drop(system, job)
    for made in job.artworks:
        remove_mirror(system.artworks, job, made, latest)
    for delivery in system.table.partition(DeliveryRecord, job.id):
        system.table.delete(delivery)
    system.table.delete(PulseRecord(job=job.id, attempt=job.attempt))
    for upload_id in job.uploads:
        release(system, upload_id, job.id)


def remove_all(blobs: Blobs, prefix: str) -> None:
    """Remove every blob under the prefix."""
    for key in blobs.keys(prefix):
        blobs.delete(key)


def remove_mirror(blobs: Blobs, job: JobRecord, made: Made, latest: JobRecord | None) -> None:
    """Remove an artwork's mirror, unless it is the later job's: a file that was dropped again under
    the same name has laid its own artwork there, which may be the same to the byte."""
    if job.drop is None:
        return
    key = job.drop.mirror_key(job.tenant, made)
    try:
        stored = blobs.get(key)
    except Forbidden:  # a name too long to be kept: it never was
        return
    if stored is None or sha256(stored).hexdigest() != made.sha256:
        return
    others = latest.artworks if latest else ()
    if not any((one.index, one.sha256) == (made.index, made.sha256) for one in others):
        blobs.delete(key)


def remove_drop(system: System, job: JobRecord) -> JobRecord | None:
    """Remove the dropped file with its latest job; that one, where the file was dropped anew."""
    if job.drop is None:
        return None
    key = job.drop.key(job.tenant)
    noted = system.table.get(SourceRecord, SourceRecord.of(key, job.id).pk)
    latest = system.table.get(JobRecord, noted.job) if noted and noted.job != job.id else None
    if latest is not None and not latest.deleted:
        return latest
    system.inbox.delete(key)
    if noted:
        system.table.delete(noted)
    return None


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
