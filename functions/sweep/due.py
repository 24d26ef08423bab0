"""What has come due, and what is to be done about it.

Nothing here is the only way that something happens, except expiry and deletion: messages that got
lost are sent again, announcements that did not get out are made, uploads whose event never came are
taken. So a sweep may stop at any record, and begin again.
"""

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple

from functions.announcing import announce, kept_until
from functions.dead_letters import examine_dead_letters, job_queues
from functions.deletion import delete_job, purge, settle_upload
from functions.delivery import is_orphan, resend_overdue
from functions.submission import send
from functions.sweep.setbacks import Setbacks
from shared import lifecycle
from shared.contract import Status
from shared.errors import WriteConflict
from shared.logs import Logger
from shared.orphans import remove_orphans
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
    system: System,
    per_shard: int = PER_SHARD,
    budget_seconds: float = BUDGET_SECONDS,
    setbacks: Setbacks | None = None,
) -> Swept:
    """Settle up to `per_shard` records of each shard, and dead letters, while there is time."""
    give_up = time.monotonic() + budget_seconds
    outcomes: list[bool] = []
    work = _work(system, per_shard, Setbacks() if setbacks is None else setbacks)
    while time.monotonic() < give_up and (outcome := next(work, None)) is not None:
        outcomes.append(outcome)
    return Swept(sum(outcomes), len(outcomes) - sum(outcomes))


def _work(system: System, per_shard: int, setbacks: Setbacks) -> Iterator[bool]:
    """Each step of a sweep, and whether it went well."""
    now = system.now()
    for name in job_queues(system):
        yield from _guarded(name, examine_dead_letters(system, name))
    for shard in shards(now):
        yield from _guarded(f"shard {shard}", _settled(system, shard, now, per_shard, setbacks))


def _guarded(name: str, steps: Iterator[bool]) -> Iterator[bool]:
    """A shard or a queue that cannot be read does not stop the others."""
    try:
        yield from steps
    except Exception:
        logger.exception("not swept", extra={"part": name})
        yield False


def _settled(
    system: System, shard: int, now: datetime, most: int, setbacks: Setbacks
) -> Iterator[bool]:
    """Settle what is due in one shard. What failed lately stands aside: however much there is of
    it, it does not keep the others from being read."""
    for record in system.table.due(shard, now, most + len(setbacks)):
        if most > 0 and not setbacks.waits(record):
            most -= 1
            outcome = _try(system, record, now)
            setbacks.note(record, outcome)
            yield outcome


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
    """Expire, wake, announce, tidy, delete it or let it rest: whichever it waits for."""
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
    elif job.untidy:
        _tidy(system, job)
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


def _tidy(system: System, job: JobRecord) -> None:
    remove_orphans(system, job)
    until = kept_until(system.settings, job)
    lifecycle.apply(system.table, job, lambda current: lifecycle.tidied(current, until))


def _delete_or_keep(system: System, job: JobRecord, now: datetime) -> None:
    """By what the settings say today, where that is longer than when the job ended."""
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
    if delivery.state != "pending" or due_at is None or due_at + DELIVERY_GRACE > now:
        return
    if is_orphan(system, delivery):
        system.table.delete(delivery)
    else:
        resend_overdue(system, delivery, now)
