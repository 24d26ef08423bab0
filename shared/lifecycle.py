"""The life of a job: every transition, as a pure function from one record to the next.

    awaiting_upload → queued → running → succeeded | failed | canceled | expired

These functions are the only code that writes a status. Each is repeatable: applied to a job on
which it already took effect it returns that very record, so a write whose answer was lost can be
sent again. A worker's transitions carry its attempt, the fencing token; where it is no longer the
job's, they raise `StaleAttempt`. A cancel that was accepted wins over every other end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.contract import JobError, Status
from shared.errors import JobEnded, StaleAttempt, WriteConflict
from shared.ports import Table
from shared.records import JobRecord, Made

Transition = Callable[[JobRecord], JobRecord]

MOVES = {
    Status.AWAITING_UPLOAD: {Status.QUEUED, Status.CANCELED, Status.EXPIRED},
    Status.QUEUED: {Status.RUNNING, Status.FAILED, Status.CANCELED, Status.EXPIRED},
    Status.RUNNING: {Status.SUCCEEDED, Status.FAILED, Status.CANCELED, Status.EXPIRED},
}

LOOK_AGAIN = timedelta(minutes=15)
"""After this long without an end, `sweep` sends an unfinished job's message again."""
ANNOUNCE_AGAIN = timedelta(minutes=1)
PURGE_AGAIN = timedelta(minutes=15)
"""Longer than any lease: what a zombie stored after a deletion is removed then."""
MOST_UNBLAMED = 20
"""Attempts up to which the end of a whole machine uses up no try."""
TIDY_AFTER = timedelta(minutes=15)
"""So long after its end, what an attempt stored and did not commit is removed."""


@dataclass(frozen=True)
class Lease:
    """One worker's hold on one job: what every write of that worker is checked against."""

    holder: str
    attempt: int

    def check(self, job: JobRecord) -> None:
        if job.status.ended or job.attempt != self.attempt or job.holder != self.holder:
            raise StaleAttempt(f"attempt {self.attempt} no longer holds job {job.id}")


def apply(table: Table, job: JobRecord, transition: Transition) -> JobRecord:
    """Write what `transition` makes of the job; read anew and try again if another was faster."""
    while True:
        changed = transition(job)
        if changed is job:
            return job
        try:
            return table.put(changed)
        except WriteConflict:
            current = table.get(JobRecord, job.id)
            if current is None:
                raise StaleAttempt(f"job {job.id} is gone") from None
            job = current


def _to(job: JobRecord, status: Status, now: datetime, **changes: Any) -> JobRecord:
    if status not in MOVES.get(job.status, set()):
        raise JobEnded(f"the job is {job.status}")
    if status.ended:
        changes |= {
            "ended_at": now,
            "holder": None,
            "announce": True,
            "untidy": job.attempt > 1 or (job.attempt > 0 and status is not Status.SUCCEEDED),
            "wake_at": now + ANNOUNCE_AGAIN,
        }
    return job.model_copy(update={"status": status, **changes})


def _end(job: JobRecord, status: Status, now: datetime, **changes: Any) -> JobRecord:
    """What was promised to be canceled is canceled, whatever else would have ended it."""
    if job.cancel_requested:
        return _to(job, Status.CANCELED, now)
    return _to(job, status, now, **changes)


def enqueue(job: JobRecord, now: datetime) -> JobRecord:
    """The upload has come: the job may run."""
    if job.status is not Status.AWAITING_UPLOAD:
        return job
    return _to(job, Status.QUEUED, now, queued_at=now, wake_at=now + LOOK_AGAIN)


def start(
    job: JobRecord, holder: str, now: datetime, max_tries: int, lapsed: int | None = None
) -> JobRecord:
    """Take the job under a new attempt, or end it where it must not run any more.

    `lapsed` is the attempt that the caller has watched without a sign of life, or one of its own
    whose end it could not write: that one goes on counting. Any other attempt that holds the job is
    left alone, with `StaleAttempt`.
    """
    ours = job.holder == holder
    if ours and job.attempt != lapsed:
        return job
    if job.status.ended:
        raise JobEnded(f"the job is {job.status}")
    if job.holder is not None and job.attempt != lapsed:
        raise StaleAttempt(f"job {job.id} is held by {job.holder}")
    if job.cancel_requested:
        return _to(job, Status.CANCELED, now)
    if overdue(job, now):
        return expire(job, now)
    if job.tries >= max_tries and not ours:
        return _to(job, Status.FAILED, now, error=_exhausted(job.tries))
    taken = {
        "attempt": job.attempt + 1,
        "tries": job.tries + (not ours),
        "holder": holder,
        "lost": job.lost or not (ours or job.holder is None),
        "started_at": job.started_at or now,
        "wake_at": now + LOOK_AGAIN,
    }
    if job.status is Status.RUNNING:
        return job.model_copy(update=taken)
    return _to(job, Status.RUNNING, now, **taken)


def _exhausted(tries: int) -> JobError:
    return JobError(
        code="attempts_exhausted",
        message=f"the worker was lost {tries} times while it ran this job",
        retryable=False,
    )


def refuse(job: JobRecord, error: JobError, now: datetime) -> JobRecord:
    """A job that must not run at all: its settings, or its messages, were dead letters."""
    if job.status.ended:
        return job
    return _end(job, Status.FAILED, now, error=error)


def dead_lettered(job: JobRecord, error: JobError, now: datetime, patience: timedelta) -> JobRecord:
    """Its message was received again and again, and nobody has taken the job.

    That is trouble of ours (its services failed, or no worker has its model): the job is sent again
    by whoever finds this, and fails where there was nothing but trouble for longer than `patience`.
    """
    if job.status.ended or job.holder is not None:
        return job
    since = job.troubled_since or now
    if now - since > patience:
        return _end(job, Status.FAILED, now, error=error)
    return job.model_copy(update={"troubled_since": since, "wake_at": now + LOOK_AGAIN})


def append(job: JobRecord, lease: Lease, made: Made) -> JobRecord:
    """Commit one artwork whose bytes are stored. An index is committed once."""
    lease.check(job)
    if made.index not in job.missing:
        return job
    artworks = sorted((*job.artworks, made), key=lambda artwork: artwork.index)
    went_on = {"backoff": 0.0, "troubled_since": None}
    return job.model_copy(update={"artworks": tuple(artworks), **went_on})


def commit(job: JobRecord, lease: Lease, made: Made, now: datetime) -> JobRecord:
    """Append an artwork; with the last one, in the same write, the job has succeeded."""
    if job.status in (Status.SUCCEEDED, Status.CANCELED) and job.attempt == lease.attempt:
        return job
    appended = append(job, lease, made)
    if job.cancel_requested:
        return _to(job, Status.CANCELED, now)
    return appended if appended.missing else succeed(appended, lease, now)


def succeed(job: JobRecord, lease: Lease, now: datetime) -> JobRecord:
    """All artworks are made."""
    if job.status is Status.SUCCEEDED and job.attempt == lease.attempt:
        return job
    lease.check(job)
    if job.missing:
        raise ValueError(f"artworks {job.missing} of job {job.id} are not made yet")
    return _end(job, Status.SUCCEEDED, now)


def fail(job: JobRecord, lease: Lease, error: JobError, now: datetime) -> JobRecord:
    """A verdict: this job cannot be made. The artworks made so far are kept."""
    if job.status is Status.FAILED and job.attempt == lease.attempt:
        return job
    lease.check(job)
    return _end(job, Status.FAILED, now, error=error)


def retry(
    job: JobRecord, lease: Lease, error: JobError, wait: float, now: datetime, max_tries: int
) -> JobRecord:
    """The attempt ended without a verdict: let go for another one, or fail after the last.

    `wait` is the seconds until the next one: what the wait after that is drawn from.
    """
    if job.holder is None and job.attempt == lease.attempt:
        return job
    lease.check(job)
    if job.cancel_requested or job.tries >= max_tries:
        return _end(job, Status.FAILED, now, error=error)
    return _released(job, now, backoff=wait)


def postpone(
    job: JobRecord, lease: Lease, error: JobError, wait: float, now: datetime, patience: timedelta
) -> JobRecord:
    """A service of ours failed the attempt, which is not the job's fault and does not count.

    Where there has been nothing but trouble for longer than `patience`, the job fails.
    """
    if job.holder is None and job.attempt == lease.attempt:
        return job
    lease.check(job)
    since = job.troubled_since or now
    if job.cancel_requested or now - since > patience:
        return _end(job, Status.FAILED, now, error=error)
    return _released(job, now, tries=job.tries - 1, backoff=wait, troubled_since=since)


def _released(job: JobRecord, now: datetime, **changes: Any) -> JobRecord:
    freed = {"holder": None, "lost": False, "wake_at": now + LOOK_AGAIN}
    return job.model_copy(update={**freed, **changes})


def hand_back(job: JobRecord, lease: Lease, now: datetime) -> JobRecord:
    """Let go at once (the worker drains, or cannot run this model): the attempt does not count."""
    if job.holder is None and job.attempt == lease.attempt:
        return job
    lease.check(job)
    if job.cancel_requested:
        return _to(job, Status.CANCELED, now)
    return _released(job, now, tries=job.tries - 1)


def let_go(job: JobRecord, now: datetime, blamed: bool = True) -> JobRecord:
    """Its holder is known to be dead: free at once, with no need to watch.

    The attempt counts, unless everything died with its holder: then the job is hardly to blame. But
    one that has seen this very often may be what takes the machine down.
    """
    if job.holder is None or job.status.ended:
        return job
    if job.cancel_requested:
        return _to(job, Status.CANCELED, now)
    counts = blamed or job.attempt > MOST_UNBLAMED
    return _released(job, now, tries=job.tries if counts else job.tries - 1, lost=counts)


def cancel(job: JobRecord, now: datetime) -> JobRecord:
    """At once while nobody holds the job; else the holder is asked to stop."""
    if job.status is Status.CANCELED:
        return job
    if job.holder is None or job.status.ended:
        return _to(job, Status.CANCELED, now)
    return job if job.cancel_requested else job.model_copy(update={"cancel_requested": True})


def confirm_cancel(job: JobRecord, lease: Lease, now: datetime) -> JobRecord:
    """The holder has stopped."""
    if job.status is Status.CANCELED:
        return job
    lease.check(job)
    return _to(job, Status.CANCELED, now)


def overdue(job: JobRecord, now: datetime) -> bool:
    """Whether a deadline has passed, or the upload's time."""
    waited_out = (
        job.status is Status.AWAITING_UPLOAD and job.wake_at is not None and job.wake_at <= now
    )
    return waited_out or any(moment <= now for moment in job.deadlines())


def expire(job: JobRecord, now: datetime) -> JobRecord:
    """End a job whose deadline has passed, whoever holds it: the holder is fenced off."""
    if job.status.ended or not overdue(job, now):
        return job
    return _end(job, Status.EXPIRED, now)


def announced(job: JobRecord, keep_until: datetime | None) -> JobRecord:
    """The end has been told; the record is next due when it is to be tidied, or deleted."""
    if not job.announce:
        return job
    tidy_at = job.ended_at + TIDY_AFTER if job.untidy and job.ended_at else keep_until
    return job.model_copy(update={"announce": False, "wake_at": tidy_at})


def tidied(job: JobRecord, keep_until: datetime | None) -> JobRecord:
    """Nothing is stored under the job that it does not name."""
    if not job.untidy or not job.status.ended:
        return job
    return job.model_copy(update={"untidy": False, "wake_at": keep_until})


def looked_at(job: JobRecord, now: datetime) -> JobRecord:
    """Its message or announcement was sent again; `sweep` waits twice as long each time."""
    if job.status is Status.AWAITING_UPLOAD:
        return job
    since = job.ended_at or job.started_at or job.queued_at or job.created_at
    least = ANNOUNCE_AGAIN if job.status.ended else LOOK_AGAIN
    return job.model_copy(update={"wake_at": now + max(least, now - since)})


def bury(job: JobRecord, now: datetime) -> JobRecord:
    """A tombstone: canceled if it had not ended, and nothing of its content is left."""
    if job.deleted:
        return job
    ended = {} if job.status.ended else {"status": Status.CANCELED, "ended_at": now}
    nothing: dict[str, Any] = {
        "deleted": True,
        "input": {},
        "params": {},
        "metadata": {},
        "webhook": None,
        "holder": None,
        "error": None,
        "announce": False,
        "untidy": False,
        "wake_at": now + PURGE_AGAIN,
    }
    buried = job.model_copy(update={**ended, **nothing})
    (buried.model_extra or {}).clear()  # what newer code has written may be content
    return buried


def purged(job: JobRecord) -> JobRecord:
    """Nothing can be stored under a buried job any more, and nothing is: it is never due again."""
    if not job.deleted or job.purged:
        return job
    gone: dict[str, Any] = {"wake_at": None, "artworks": (), "drop": None, "uploads": ()}
    return job.model_copy(update=gone)
