"""Telling the world that a job has ended: the topic, the webhook, the mirror of a drop.

The job's `announce` is the outbox. Each step can be repeated, and the last one clears the outbox: a
crash anywhere leaves it set, and whoever looks next, `notify` or `sweep`, begins again.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from functions import measures
from functions.delivery import dispatch, first_delivery
from shared import lifecycle
from shared.contract import Event, Status
from shared.errors import Forbidden
from shared.logs import Logger
from shared.records import JobRecord, Made
from shared.settings import Settings
from shared.system import System

logger = Logger(service="notify")

MIRRORED = frozenset({Status.SUCCEEDED, Status.FAILED})


def announce(system: System, job: JobRecord) -> JobRecord:
    """Tell that the job has ended, if that has not been told yet; the job as it then is."""
    return announce_all(system, [job])[0] if job.announce else job


def announce_all(system: System, jobs: Sequence[JobRecord]) -> list[JobRecord]:
    """Tell that these jobs have ended, which is not told yet, at the price of about one of them.

    Where that raises, any of them may have been told, and any outbox be cleared.
    """
    events = [ended_event(system.settings, job) for job in jobs]
    told = list(zip(jobs, events, strict=True))
    for job in jobs:
        mirror(system, job)
    system.topic.publish({event_id(job): event for job, event in told})
    settled = system.together(lambda: [_settle(system, job, event) for job, event in told])
    for job in jobs:
        measures.ended(system.settings.stack, job)
    return settled


def _settle(system: System, job: JobRecord, event: Event) -> JobRecord:
    """Leave the webhook to `deliver`, then clear the outbox."""
    if job.webhook:
        dispatch(system, first_delivery(system, job, event_id(job), event))
    keep_until = kept_until(system.settings, job)
    return lifecycle.apply(
        system.table, job, lambda current: lifecycle.announced(current, keep_until)
    )


def event_id(job: JobRecord) -> str:
    """A job ends once, so its id is enough: however often it is told, it is one event."""
    return f"evt_{job.id}"


def ended_event(settings: Settings, job: JobRecord) -> Event:
    """What is told: no signed URL, which would die, and no prompt, which is nobody's business.

    It is drawn from the record alone, so however often it is told, it is the same to the byte.
    """
    origin = job.origin or settings.public_url
    return Event(
        type=f"job.{job.status}",
        timestamp=job.ended_at or job.created_at,
        data={
            "id": job.id,
            "tenant": job.tenant,
            "status": job.status,
            "model": job.model,
            "version": job.model_version,
            "batch": job.drop.batch if job.drop else None,
            "metadata": job.metadata,
            "error": job.error.model_dump() if job.error else None,
            "attempts": job.attempt,
            "created_at": job.created_at,
            "started_at": job.started_at,
            "ended_at": job.ended_at,
            "artworks": [_artwork(job, origin, made) for made in job.artworks],
        },
    )


def _artwork(job: JobRecord, origin: str, made: Made) -> dict[str, Any]:
    artwork_id = f"{job.id}-{made.index}"
    told = {"index", "media_type", "sha256", "width", "height", "duration"}
    return {
        "id": artwork_id,
        **made.model_dump(include=told),
        "url": f"{origin}/v1/artworks/{artwork_id}",
    }


def mirror(system: System, job: JobRecord) -> None:
    """Lay a drop's artworks where their source's name leads. Repeated, it copies the same bytes."""
    if job.drop is None or job.status not in MIRRORED:
        return
    for made in job.artworks:
        target = job.drop.mirror_key(job.tenant, made)
        try:
            system.artworks.copy(target, system.artworks, made.key(job.tenant, job.id))
        except Forbidden:  # a name too long to be kept; the artwork itself is there
            told = {"job_id": job.id, "index": made.index}
            logger.warning("an artwork has no mirror", extra=told)


def kept_until(settings: Settings, job: JobRecord) -> datetime | None:
    """When the job is to be deleted, if ever."""
    if not settings.retention_days or job.ended_at is None:
        return None
    return job.ended_at + timedelta(days=settings.retention_days)
