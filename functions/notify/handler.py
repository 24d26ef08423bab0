"""The function behind the table's stream: it is woken, and looks into the table for itself."""

from typing import Any

from functions.announcing import announce
from functions.batch import Record, answer
from shared.bootstrap import connect, connect_at_init
from shared.logs import Logger
from shared.records import JobRecord

logger = Logger(service="notify")

JOB = {"S": "job"}

connect_at_init()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take each record of a stream event; those that fail come again, the others do not."""
    return answer(event["Records"], map(_take, event["Records"]))


def _take(record: Record) -> bool:
    image = record.get("dynamodb", {}).get("NewImage", {})
    if image.get("sk") != JOB or "announce" not in image:
        return True
    job_id = str(image["pk"]["S"])
    try:
        _announce(job_id)
    except Exception:
        logger.exception("not announced", extra={"job": job_id})
        return False
    return True


def _announce(job_id: str) -> None:
    """The image may be old: the item is the truth."""
    system = connect()
    job = system.table.get(JobRecord, job_id)
    if job is not None:
        announce(system, job)
