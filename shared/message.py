"""What a queue message says: look at job X. The table is the truth."""

from datetime import datetime

from pydantic import BaseModel

MESSAGE_VERSION = 1


class JobMessage(BaseModel):
    """Look at this job."""

    v: int = MESSAGE_VERSION
    job: str


class DeliveryMessage(BaseModel):
    """Look at this job's nth delivery, if it is still at this round and planned for this moment."""

    v: int = MESSAGE_VERSION
    job: str
    n: int
    round: int | None = None
    at: datetime | None = None


def job_message(job_id: str) -> str:
    """The body of a job's message."""
    return JobMessage(job=job_id).model_dump_json()
