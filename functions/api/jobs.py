"""`/v1/jobs`: submit, look, list, cancel, delete."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Header, Path, Query

from functions.api.app import app, bodiless, caller, documented, reply
from functions.api.representation import etag, represent
from functions.api.throttle import throttle
from functions.deletion import delete_job
from functions.submission import submit
from shared import lifecycle
from shared.bootstrap import connect
from shared.contract import MAX_WAIT_SECONDS, Id, Job, JobPage, JobRequest, Status
from shared.errors import Gone, InvalidRequest, JobNotFound
from shared.records import JobRecord, PulseRecord
from shared.system import System

PAGE = 50
MAX_BATCH_BYTES = 1024
"""As many as a key of S3 has: a longer one cannot be, and no index could hold it."""

JobId = Annotated[Id, Path(description="The job's id.")]
IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", description="The same key and body again: the same job."),
]


def own_job(system: System, tenant: str, job_id: str) -> JobRecord:
    """The tenant's job; another's is as unknown as one that never was."""
    job = system.table.get(JobRecord, job_id)
    if job is None or job.tenant != tenant:
        raise JobNotFound(f"there is no job {job_id}")
    if job.deleted:
        raise Gone(f"job {job_id} was deleted")
    return job


@app.post(
    "/v1/jobs",
    summary="Submit a job",
    responses=documented(400, 404, 409, 410, 413, 415, 422, 429, _202=Job),
    tags=["jobs"],
)
def post_job(
    body: Annotated[JobRequest, Body()], idempotency_key: IdempotencyKey = None
) -> Response[Any]:
    system, tenant = connect(), caller()
    throttle(system, tenant)
    job = submit(system, tenant, body, idempotency_key)
    return reply(
        represent(system, job, pulse_of(system, job)),  # a key may stand for one that runs
        202,
        Location=f"/v1/jobs/{job.id}",
        Retry_After=retry_after(job),
    )


@app.get(
    "/v1/jobs",
    summary="List jobs, newest first",
    responses=documented(422, _200=JobPage),
    tags=["jobs"],
)
def list_jobs(
    status: Annotated[Status | None, Query()] = None,
    batch: Annotated[str | None, Query(min_length=1, max_length=MAX_BATCH_BYTES)] = None,
    cursor: Annotated[Id | None, Query()] = None,
) -> Response[Any]:
    system, tenant = connect(), caller()
    if batch and len(batch.encode()) > MAX_BATCH_BYTES:
        raise InvalidRequest(f"batch: {MAX_BATCH_BYTES} bytes at most")
    wanted = status.value if status else None
    if batch is None:
        found = system.table.owned(JobRecord, tenant, cursor, PAGE + 1, wanted)
    else:
        found = system.table.batch(f"{tenant}/{batch}", cursor, PAGE + 1)
    page = found[:PAGE]
    shown = [job for job in page if not wanted or job.status == wanted]
    more = page[-1].id if len(found) > PAGE else None
    pulses = system.table.get_many(PulseRecord, [job.id for job in shown if _has_pulse(job)])
    items = [represent(system, job, pulses.get(job.id)) for job in shown]
    return reply(JobPage(items=items, next=more))


@app.get(
    "/v1/jobs/<job_id>",
    summary="Look at a job",
    responses=bodiless(304, "Unchanged") | documented(404, 410, 422, _200=Job),
    tags=["jobs"],
)
def get_job(
    job_id: JobId,
    wait: Annotated[int | None, Query(ge=0, le=MAX_WAIT_SECONDS)] = None,
    if_none_match: Annotated[str | None, Header(alias="If-None-Match")] = None,
) -> Response[Any]:
    system = connect()
    job = own_job(system, caller(), job_id)
    pulse = pulse_of(system, job)
    tag = etag(job, pulse, system.now())
    headers = {"ETag": tag} | ({} if job.status.ended else {"Retry_After": retry_after(job)})
    if matches(if_none_match, tag):
        return reply(None, 304, **headers)
    return reply(represent(system, job, pulse), 200, **headers)


@app.post(
    "/v1/jobs/<job_id>/cancel",
    summary="Cancel a job",
    responses=documented(404, 409, 410, 422, _200=Job, _202=Job),
    tags=["jobs"],
)
def cancel_job(job_id: JobId) -> Response[Any]:
    system = connect()
    job = own_job(system, caller(), job_id)
    now = system.now()
    canceled = lifecycle.apply(system.table, job, lambda job: lifecycle.cancel(job, now))
    status = 200 if canceled.status.ended else 202
    return reply(represent(system, canceled, pulse_of(system, canceled)), status)


@app.delete(
    "/v1/jobs/<job_id>",
    summary="Delete a job and everything made from it",
    responses=bodiless(204, "Gone") | documented(404, 410, 422),
    tags=["jobs"],
)
def remove_job(job_id: JobId) -> Response[Any]:
    system = connect()
    delete_job(system, own_job(system, caller(), job_id))
    return reply(None, 204)


def pulse_of(system: System, job: JobRecord) -> PulseRecord | None:
    """Its progress is the most seen."""
    return system.table.get(PulseRecord, job.id) if _has_pulse(job) else None


def _has_pulse(job: JobRecord) -> bool:
    """It has begun; of what has succeeded all is known."""
    return job.started_at is not None and job.status is not Status.SUCCEEDED


def retry_after(job: JobRecord) -> str:
    """Seconds after which asking again makes sense."""
    return "1" if job.status is Status.RUNNING else "2"


def matches(header: str | None, tag: str) -> bool:
    """Whether an If-None-Match names this tag."""
    if header is None:
        return False
    named = [part.strip().removeprefix("W/") for part in header.split(",")]
    return "*" in named or tag in named
