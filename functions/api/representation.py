"""A job record as its owner sees it."""

from datetime import datetime

from shared.contract import (
    Artwork,
    Delivery,
    DeliveryTry,
    Job,
    JobLinks,
    QueueState,
    Status,
)
from shared.message import job_message
from shared.records import DeliveryRecord, JobRecord, Made, PulseRecord
from shared.signing import get_expiry, window_start
from shared.system import System

REASONS = {
    Status.AWAITING_UPLOAD: "waiting for the upload",
    Status.QUEUED: "waiting for a worker",
}


def etag(job: JobRecord, pulse: PulseRecord | None, now: datetime) -> str:
    """Changes with the job, its progress, and the window in which its URLs are signed."""
    window = int(window_start(now).timestamp()) if job.artworks else 0
    return f'"{job.version}-{pulse.version if pulse else 0}-{window}"'


def represent(system: System, job: JobRecord, pulse: PulseRecord | None = None) -> Job:
    """The job with freshly signed URLs."""
    return Job(
        id=job.id,
        status=job.status,
        model=job.model,
        version=job.model_version,
        progress=_progress(job, pulse),
        stage=_stage(job, pulse),
        queue=_queue(system, job),
        attempts=job.attempt,
        seed=job.seed,
        count=job.count,
        batch=job.drop.batch if job.drop else None,
        params=job.params,
        metadata=job.metadata,
        artworks=[_artwork(system, job, made) for made in job.artworks],
        error=job.error,
        created_at=job.created_at,
        started_at=job.started_at,
        ended_at=job.ended_at,
        links=JobLinks(
            self=f"/v1/jobs/{job.id}",
            cancel=f"/v1/jobs/{job.id}/cancel",
            deliveries=f"/v1/jobs/{job.id}/deliveries",
        ),
    )


def represent_delivery(delivery: DeliveryRecord) -> Delivery:
    """One webhook's story."""
    return Delivery(
        n=delivery.n,
        event_id=delivery.event_id,
        event_type=delivery.event_type,
        url=delivery.url,
        state=delivery.state,
        tries=[
            DeliveryTry(at=one.at, status=one.status, error=one.error) for one in delivery.tries
        ],
        next_try_at=delivery.next_try_at if delivery.state == "pending" else None,
    )


def _queue(system: System, job: JobRecord) -> QueueState | None:
    if job.status not in REASONS:
        return None
    position = None
    if job.status is Status.QUEUED:
        position = system.lane(job.pool, job.lane).position(job_message(job.id))
    return QueueState(position=position, reason=REASONS[job.status])


def _progress(job: JobRecord, pulse: PulseRecord | None) -> float:
    if job.status is Status.SUCCEEDED:
        return 1.0
    return max(pulse.progress if pulse else 0.0, len(job.artworks) / job.count)


def _stage(job: JobRecord, pulse: PulseRecord | None) -> str:
    if job.status is not Status.RUNNING:
        return job.status.value
    if job.cancel_requested:
        return "canceling"
    if job.holder is None:
        return "retrying"
    return pulse.stage if pulse else "preparing"


def _artwork(system: System, job: JobRecord, made: Made) -> Artwork:
    now = system.now()
    key = made.key(job.tenant, job.id)
    return Artwork(
        id=f"{job.id}-{made.index}",
        index=made.index,
        media_type=made.media_type,
        url=system.artworks.sign_get(key, now),
        thumbnail_url=system.artworks.sign_get(made.thumbnail_key(job.tenant, job.id), now),
        width=made.width,
        height=made.height,
        duration=made.duration,
        sha256=made.sha256,
        url_expires_at=get_expiry(window_start(now)),
    )
