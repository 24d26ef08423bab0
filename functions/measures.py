"""What jobs say of how we work: that one has come, how long it waited, what was made of it, and why
nothing was. Each line names its job, so the log tells its way as well."""

from datetime import datetime

from aws_lambda_powertools.metrics import MetricUnit

from shared.metrics import emit
from shared.records import JobRecord


def queued(stack: str, job: JobRecord) -> None:
    """A job is there for a worker to take."""
    emit(stack, {"Queued": (MetricUnit.Count, 1.0)}, job.id, lane=job.lane)


def ended(stack: str, job: JobRecord) -> None:
    """A job has ended."""
    if job.queued_at is not None:
        waited = (MetricUnit.Seconds, _waited(job, job.queued_at))
        emit(stack, {"Wait": waited}, job.id, lane=job.lane)
    made = {"Jobs": (MetricUnit.Count, 1.0), "Artworks": (MetricUnit.Count, len(job.artworks))}
    emit(stack, made, job.id)
    if job.error is not None:
        emit(stack, {"Failures": (MetricUnit.Count, 1.0)}, job.id, code=job.error.code)


def _waited(job: JobRecord, queued_at: datetime) -> float:
    """Until a worker took it; who was never served has waited until the end."""
    until = job.started_at or job.ended_at or queued_at
    return max(0.0, (until - queued_at).total_seconds())
