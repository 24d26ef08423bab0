"""Upload tickets: where a client sends its bytes, and the job that they may start."""

from datetime import timedelta
from functools import partial

from functions.idempotency import Claim, check_new, claim
from functions.submission import again, check_uploads, check_webhook, draft, put_new
from shared.catalogue import ModelCard
from shared.contract import Status, UploadJobRequest, UploadRequest, UploadTicket
from shared.errors import Gone, InvalidRequest, WriteConflict
from shared.ports import Table
from shared.records import JobRecord, UploadRecord
from shared.signing import put_expiry
from shared.system import System
from shared.uploads import UNUSED_LIFE, attach

GRACE = timedelta(minutes=1)
"""For an upload that began before its ticket expired."""
MAIN_INPUT = "image"


def issue(
    system: System, tenant: str, request: UploadRequest, key: str | None = None
) -> UploadTicket:
    """Mint an upload, and with `job` the job that waits for it."""
    card = system.catalogue().get(request.job.model) if request.job else None
    if card and request.job:
        check = partial(_check, system, tenant, card, request.job)
        check_new(system, tenant, "uploads", key, check)
    return _ticket(system, system.together(lambda: _take(system, tenant, request, card, key)))


def _take(
    system: System, tenant: str, request: UploadRequest, card: ModelCard | None, key: str | None
) -> UploadRecord:
    claimed = claim(system, tenant, "uploads", key, request, with_job=card is not None)
    known = system.table.get(JobRecord, claimed.job) if claimed.job and not claimed.first else None
    if known is not None:
        again(system, known)
    upload = _put_or_get(system.table, _record(system, tenant, request, claimed))
    if upload.removed:
        raise Gone("this upload was removed")
    if card and request.job and claimed.job and known is None:
        _accept_waiting(system, upload, request.job, card, claimed.job)
    return upload


def _check(system: System, tenant: str, card: ModelCard, job: UploadJobRequest) -> None:
    if MAIN_INPUT in job.input:
        raise InvalidRequest(f"`{MAIN_INPUT}` is what is uploaded: leave it out of `job.input`")
    card.check({**job.input, MAIN_INPUT: {"upload": "0" * 26}}, job.params)
    check_webhook(system, job)
    check_uploads(system, tenant, job.input)


def _record(system: System, tenant: str, request: UploadRequest, claimed: Claim) -> UploadRecord:
    now = system.now()
    return UploadRecord(
        id=claimed.target,
        tenant=tenant,
        content_type=request.content_type,
        size=request.size,
        filename=request.filename,
        created_at=now,
        expires_at=put_expiry(now),
        jobs=(claimed.job,) if claimed.job else (),
        starts=claimed.job,
        due_at=now + UNUSED_LIFE,
    )


def _put_or_get(table: Table, minted: UploadRecord) -> UploadRecord:
    try:
        return table.put(minted)
    except WriteConflict:
        return table.get(UploadRecord, minted.id) or minted


def _accept_waiting(
    system: System, upload: UploadRecord, job: UploadJobRequest, card: ModelCard, job_id: str
) -> None:
    given = {**job.input, MAIN_INPUT: {"upload": upload.id}}
    drafted = draft(system, upload.tenant, job, card, given, job_id)
    waiting = drafted.model_copy(
        update={
            "status": Status.AWAITING_UPLOAD,
            "queued_at": None,
            "wake_at": upload.expires_at + GRACE,
        }
    )
    for other in waiting.uploads:
        attach(system.table, other, job_id, waiting.created_at)
    again(system, put_new(system, waiting))


def _ticket(system: System, upload: UploadRecord) -> UploadTicket:
    """Signed as of the upload's beginning: however often the ticket is asked for, its URL closes
    when the upload's record says so, and no bytes can come after those were waited for."""
    signed = system.inbox.sign_put(upload.key, upload.content_type, upload.size, upload.created_at)
    return UploadTicket(
        id=upload.id,
        url=signed.url,
        headers=dict(signed.headers),
        expires_at=upload.expires_at,
        job_id=upload.starts,
    )
