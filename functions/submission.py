"""Taking a job: from a request to a record in the table and a message in the queue.

All that is written is one commit where the service can do that. And each step is repeatable: a
crash between two of them is healed by the client's retry, which finds the same ids again, or by
`sweep`.
"""

import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from functions import measures
from functions.idempotency import check_new, claim
from shared import lifecycle
from shared.catalogue import ModelCard
from shared.contract import MAX_SEED, JobOptions, JobRequest, Status
from shared.errors import (
    Conflict,
    Gone,
    InvalidRequest,
    UploadIncomplete,
    UploadNotFound,
    WriteConflict,
)
from shared.message import job_message
from shared.records import DropSource, JobRecord, UploadRecord
from shared.system import Lane, System
from shared.uploads import MOST_JOBS, attach


def submit(system: System, tenant: str, request: JobRequest, key: str | None = None) -> JobRecord:
    """Take a job of the API. The same key and body again give the same job."""
    card = system.catalogue().get(request.model)
    check_new(system, tenant, "jobs", key, partial(_check, system, tenant, card, request))
    return system.together(lambda: _take(system, tenant, request, card, key))


def _check(system: System, tenant: str, card: ModelCard, request: JobRequest) -> None:
    card.check(request.input, request.params)
    check_webhook(system, request)
    check_uploads(system, tenant, request.input)


def _take(
    system: System, tenant: str, request: JobRequest, card: ModelCard, key: str | None
) -> JobRecord:
    claimed = claim(system, tenant, "jobs", key, request)
    known = None if claimed.first else system.table.get(JobRecord, claimed.target)
    if known is not None:
        return again(system, known)
    return accept(system, draft(system, tenant, request, card, request.input, claimed.target))


def again(system: System, known: JobRecord) -> JobRecord:
    """What a repeated request finds; its message is sent again, should it have been lost."""
    if known.deleted:
        raise Gone("this job was deleted")
    if known.status is Status.QUEUED:
        send(system, known)
    return known


def draft(
    system: System,
    tenant: str,
    request: JobOptions,
    card: ModelCard,
    given: Mapping[str, Any],
    job_id: str,
    lane: Lane = "interactive",
    drop: DropSource | None = None,
) -> JobRecord:
    """A queued job that is not written yet."""
    now = system.now()
    return JobRecord(
        id=job_id,
        tenant=tenant,
        status=Status.QUEUED,
        model=card.name,
        model_version=card.version,
        pool=card.pool,
        lane=lane,
        input=dict(given),
        uploads=tuple(uploads_in(given)),
        params=request.params,
        seed=secrets.randbelow(MAX_SEED + 1) if request.seed is None else request.seed,
        count=request.count,
        metadata=request.metadata,
        webhook=str(request.webhook) if request.webhook else None,
        drop=drop,
        origin=system.settings.public_url,
        created_at=now,
        queued_at=now,
        start_by=_after(now, request.start_within),
        finish_by=_after(now, request.finish_within),
        wake_at=now + lifecycle.LOOK_AGAIN,
    )


def accept(system: System, job: JobRecord) -> JobRecord:
    """Write the job, then say so. Its uploads are bound to it first, so that none can go."""
    for upload in job.uploads:
        attach(system.table, upload, job.id, job.created_at)
    accepted = again(system, put_new(system, job))
    if accepted.status is Status.QUEUED:
        measures.queued(system.settings.stack, accepted)
    return accepted


def put_new(system: System, job: JobRecord) -> JobRecord:
    """Write a job that a repeat of this request may have written already."""
    try:
        return system.table.put(job)
    except WriteConflict:
        return system.table.get(JobRecord, job.id) or job


def send(system: System, job: JobRecord) -> None:
    """Tell a worker to look at the job."""
    system.lane(job.pool, job.lane).send(job_message(job.id), job.tenant)


def uploads_in(given: Mapping[str, Any]) -> Iterator[str]:
    """The ids of the uploads that an input names."""
    for value in given.values():
        if isinstance(value, Mapping) and isinstance(value.get("upload"), str):
            yield value["upload"]


def check_uploads(system: System, tenant: str, given: Mapping[str, Any]) -> None:
    """Raise unless every upload named is the tenant's own, has arrived and can take one more."""
    for upload_id in uploads_in(given):
        upload = system.table.get(UploadRecord, upload_id)
        if upload is None or upload.tenant != tenant or upload.removed:
            raise UploadNotFound(f"there is no upload {upload_id}")
        if len(upload.jobs) >= MOST_JOBS:
            raise Conflict(
                f"{MOST_JOBS} jobs have upload {upload_id}: send it again", code="upload_exhausted"
            )
        if system.inbox.head(upload.key) is None:
            raise UploadIncomplete(f"the bytes of upload {upload_id} have not arrived")


def check_webhook(system: System, request: JobOptions) -> None:
    """Raise where the webhook could never be called; its address is judged when it is."""
    url = request.webhook
    if url is None or system.settings.allow_networks:
        return
    if url.scheme != "https" or url.port != 443 or url.username or url.password:
        raise InvalidRequest("webhook: only https URLs on port 443, without a user, are called")


def _after(now: datetime, seconds: int | None) -> datetime | None:
    return now + timedelta(seconds=seconds) if seconds else None
