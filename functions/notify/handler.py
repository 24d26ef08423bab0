"""The function behind the table's stream: it is woken, and looks into the table for itself."""

from typing import Any

from functions.announcing import announce_all
from functions.batch import Record, answer
from shared.bootstrap import connect, connect_at_init
from shared.logs import Logger
from shared.records import JobRecord

logger = Logger(service="notify")

JOB = {"S": "job"}

connect_at_init()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take the records of a stream event; those that fail come again, the others do not."""
    jobs = list(map(_ended, event["Records"]))
    failed = _untold([*dict.fromkeys(filter(None, jobs))])
    return answer(event["Records"], (job not in failed for job in jobs))


def _ended(record: Record) -> str | None:
    """The job that the record says has ended, if it says so."""
    image = record.get("dynamodb", {}).get("NewImage", {})
    if image.get("sk") != JOB or "announce" not in image:
        return None
    return str(image["pk"]["S"])


def _untold(job_ids: list[str]) -> set[str]:
    """Announce these jobs together, or else each by itself; those of them that could not be."""
    try:
        _announce(job_ids)
    except Exception:
        if len(job_ids) != 1:
            return {job_id for each in job_ids for job_id in _untold([each])}
        logger.exception("not announced", extra={"job_id": job_ids[0]})
        return set(job_ids)
    return set()


def _announce(job_ids: list[str]) -> None:
    """The images may be old: the items are the truth."""
    system = connect()
    found = system.table.get_many(JobRecord, job_ids)
    jobs = [found[job_id] for job_id in job_ids if job_id in found]
    if due := [job for job in jobs if job.announce]:
        announce_all(system, due)
