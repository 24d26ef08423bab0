"""What the envelopes in `events/` are about: one tenant's jobs, upload, key and webhooks."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from gpu_worker.worker import Worker
from shared.contract import Status
from shared.message import job_message
from shared.records import DeliveryRecord, JobRecord, KeyRecord, UploadRecord
from shared.system import System

EVENTS = Path(__file__).parents[1] / "events"

TENANT = "studio-a"
JOB = "01k9q4w8e7r6t5y4z3x2v1b0n9"
OTHER_JOB = "01k9q4w8e7r6t5y4z3x2v1b0n7"
UPLOAD = "01k9q4w8e7r6t5y4z3x2v1b0n8"
KEY = "ak_0123456789ab_not-a-real-key-only-an-example-in-the-tests"

Event = dict[str, Any]


def read_event(name: str) -> Event:
    """One of the files, by its name without `.json`."""
    event: Event = json.loads((EVENTS / f"{name}.json").read_bytes())
    return event


def put_job(system: System, job_id: str = JOB, **fields: Any) -> JobRecord:
    now = datetime.now(UTC)
    usual: dict[str, Any] = {
        "id": job_id,
        "tenant": TENANT,
        "status": Status.QUEUED,
        "model": "plain",
        "model_version": "1",
        "pool": "standard",
        "lane": "interactive",
        "input": {},
        "params": {},
        "seed": 1,
        "count": 1,
        "created_at": now,
        "queued_at": now,
    }
    return system.table.put(JobRecord(**usual | fields))


def put_ended(system: System, job_id: str = JOB, **fields: Any) -> JobRecord:
    ended = {"status": Status.SUCCEEDED, "ended_at": datetime.now(UTC), "announce": True}
    return put_job(system, job_id, **ended, **fields)


def put_delivery(system: System, job_id: str = JOB, **fields: Any) -> None:
    """A webhook that was sent out and has not been tried."""
    usual: dict[str, Any] = {
        "job": job_id,
        "tenant": TENANT,
        "n": 0,
        "event_id": f"evt_{job_id}",
        "event_type": "job.succeeded",
        "url": "https://example.com/",
        "body": '{"type":"job.succeeded"}',
        "next_try_at": datetime.now(UTC),
    }
    system.table.put(DeliveryRecord(**usual | fields))


def put_upload(system: System, upload_id: str = UPLOAD, **fields: Any) -> None:
    """An upload that is to start the job."""
    now = datetime.now(UTC)
    usual: dict[str, Any] = {
        "id": upload_id,
        "tenant": TENANT,
        "content_type": "image/jpeg",
        "size": 43,
        "created_at": now,
        "expires_at": now + timedelta(minutes=15),
        "jobs": (JOB,),
        "starts": JOB,
    }
    system.table.put(UploadRecord(**usual | fields))


def put_awaiting(system: System, job_id: str = JOB, **fields: Any) -> None:
    """The job that waits for the upload."""
    awaiting = {"status": Status.AWAITING_UPLOAD, "queued_at": None, "uploads": (UPLOAD,)}
    put_job(system, job_id, **awaiting | fields)


def made_by(hand: Worker, system: System) -> JobRecord:
    """The job of the events, with a real artwork."""
    job = put_job(system)
    system.lane(job.pool, job.lane).send(job_message(job.id), job.tenant)
    hand.once()
    return stored(system)


def put_key(system: System) -> KeyRecord:
    """The key that the events carry."""
    digest, now = sha256(KEY.encode()).hexdigest(), datetime.now(UTC)
    return system.table.put(
        KeyRecord(id="0123456789ab", digest=digest, tenant=TENANT, name="phone", created_at=now)
    )


def stored(system: System, job_id: str = JOB) -> JobRecord:
    """The job as it now is."""
    found = system.table.get(JobRecord, job_id)
    assert found is not None
    return found
