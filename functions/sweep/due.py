"""What has come due, and what is to be done about it.

Nothing here is the only way that something happens, except expiry and deletion: messages that got
lost are sent again, announcements that did not get out are made, uploads whose event never came are
taken. So a sweep may stop at any record, and begin again.
"""

import time
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple

from aws_lambda_powertools import Logger

from functions.announcing import announce, kept_until
from functions.deletion import delete_job, purge, settle_upload
from functions.delivery import resend_overdue
from functions.submission import send
from shared import lifecycle
from shared.contract import Status
from shared.errors import WriteConflict
from shared.records import DUE_SHARDS, DeliveryRecord, JobRecord, Record, UploadRecord
from shared.system import System

logger = Logger(service="sweep")

PER_SHARD = 100
BUDGET_SECONDS = 45.0
"""Less than a minute, the time between two sweeps."""
DELIVERY_GRACE = timedelta(minutes=1)
"""For a message that is on its way."""


class Swept(NamedTuple):
    """How many records were settled, and how many could not be."""

    settled: int
    failed: int


def sweep(
    system: System, per_shard: int = PER_SHARD, budget_seconds: float = BUDGET_SECONDS
) -> Swept:
    """Settle up to `per_shard` records of each shard, while there is time."""
    now = system.now()
    give_up = time.monotonic() + budget_seconds
    outcomes: list[bool] = []
    for shard in shards(now):
        for record in system.table.due(shard, now, per_shard):
            if time.monotonic() >= give_up:
                break
            outcomes.append(_try(system, record, now))
    return Swept(sum(outcomes), len(outcomes) - sum(outcomes))


def shards(now: datetime) -> list[int]:
    """All of them, from another one each minute: the last ones must not go short for ever."""
    first = int(now.timestamp() // 60) % DUE_SHARDS
    return [(first + step) % DUE_SHARDS for step in range(DUE_SHARDS)]


def _try(system: System, record: Record, now: datetime) -> bool:
    """One bad record does not stop the others."""
    try:
        settle(system, record, now)
    except Exception:
        logger.exception("not settled", extra={"pk": record.pk, "sk": record.sk})
        return False
    return True


def settle(system: System, record: Record, now: datetime) -> None:
    """Do what the record waits for. The index may lag behind: each is read afresh."""
    current = system.table.get(type(record), record.pk, record.sk)
    match current:
        case JobRecord():
            settle_job(system, current, now)
        case UploadRecord():
            settle_upload(system, current, now)
        case DeliveryRecord():
            settle_delivery(system, current, now)


def settle_job(system: System, job: JobRecord, now: datetime) -> None:
    """Expire it, wake it, announce it, delete it or let it rest: whichever it waits for."""
    due_at = job.index().due_at
    if due_at is None or due_at > now:
        return
    if job.deleted:
        purge(system, job)
        lifecycle.apply(system.table, job, lifecycle.purged)
    elif not job.status.ended:
        _settle_unfinished(system, job, now)
    elif job.announce:
        _announce(system, job, now)
    else:
        _delete_or_keep(system, job, now)


def _settle_unfinished(system: System, job: JobRecord, now: datetime) -> None:
    if job.status is Status.AWAITING_UPLOAD and _has_come(system, job):
        job = lifecycle.apply(system.table, job, lambda job: lifecycle.enqueue(job, now))
    if lifecycle.overdue(job, now):
        lifecycle.apply(system.table, job, lambda job: lifecycle.expire(job, now))
    elif not job.status.ended:  # it may have been canceled just now
        send(system, job)
        look_later(system, job, now)


def _has_come(system: System, job: JobRecord) -> bool:
    """Whether the upload that starts the job is there, whole, though nobody told us."""
    for upload_id in job.uploads:
        upload = system.table.get(UploadRecord, upload_id)
        if upload and upload.starts == job.id:
            stored = system.inbox.head(upload.key)
            return stored is not None and stored.size == upload.size
    return False


def _announce(system: System, job: JobRecord, now: datetime) -> None:
    """What cannot be announced now is tried again later and later, and blocks nobody."""
    try:
        announce(system, job)
    except Exception:
        look_later(system, job, now)
        raise


def _delete_or_keep(system: System, job: JobRecord, now: datetime) -> None:
    """By what the settings say today, whatever they said when the job ended."""
    until = kept_until(system.settings, job)
    if until is not None and until <= now:
        delete_job(system, job)
    else:
        _put(system, job.model_copy(update={"wake_at": until}))


def look_later(system: System, job: JobRecord, now: datetime) -> None:
    """Back off; a job that has moved in the meantime needs no looking after."""
    _put(system, lifecycle.looked_at(job, now))


def _put(system: System, record: Record) -> None:
    with suppress(WriteConflict):
        system.table.put(record)


def settle_delivery(system: System, delivery: DeliveryRecord, now: datetime) -> None:
    """Send the message of a try that is overdue: it got lost, or the wait was too long for one."""
    due_at = delivery.next_try_at
    if delivery.state == "pending" and due_at is not None and due_at + DELIVERY_GRACE <= now:
        resend_overdue(system, delivery, now)
