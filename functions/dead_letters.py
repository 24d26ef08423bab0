"""The dead letters of the job queues, held against the table.

A letter died because it was received too often, which says little of its job: receives rise on
prefetch, on hand-back, while another holds the job, and while the table does not answer. So the job
decides. What has ended needs no letter. What somebody holds gets a new one: its attempts are
counted in the table, so that comes to an end. What nobody has taken gets a new one while there is
patience, and fails after it.
"""

from collections.abc import Iterator
from datetime import timedelta

from pydantic import ValidationError

from functions.submission import send
from shared import lifecycle
from shared.contract import JobError, Status
from shared.logs import Logger
from shared.message import JobMessage
from shared.ports import Letter, Queue
from shared.records import JobRecord
from shared.system import LANES, System

logger = Logger(service="sweep")

MOST_LETTERS = 100
"""Of one queue, in one sweep."""
VISIBILITY_SECONDS = 120.0
"""A letter that could not be examined comes again then."""


def dead(name: str) -> str:
    """What a queue's dead letters are called."""
    return f"{name}-dead"


def job_queues(system: System) -> list[str]:
    """Every fleet's queues whose dead letters we may see."""
    pools = sorted({card.pool for card in system.catalogue().cards.values()})
    names = [f"{pool}-{lane}" for pool in pools for lane in LANES]
    return [name for name in names if system.settings.data or dead(name) in system.settings.queues]


def examine_dead_letters(system: System, queue_name: str) -> Iterator[bool]:
    """Examine one queue's letters; whether each could be. A bad one does not stop the others."""
    queue = system.queue(dead(queue_name))
    for letter in letters(queue, MOST_LETTERS, VISIBILITY_SECONDS):
        yield _try(system, queue, letter)


def letters(queue: Queue, most: int, visibility: float, wait: float = 0) -> Iterator[Letter]:
    """Up to so many letters, each hidden from others meanwhile."""
    while most > 0 and (received := queue.receive(min(10, most), visibility, wait)):
        yield from received
        most -= len(received)


def _try(system: System, queue: Queue, letter: Letter) -> bool:
    try:
        examine(system, letter)
        queue.delete(letter)
    except Exception:
        logger.exception("a dead letter was not examined")
        return False
    return True


def examine(system: System, letter: Letter) -> None:
    """Do what the letter's job needs; repeatable, for it is deleted only afterwards."""
    try:
        message = JobMessage.model_validate_json(letter.body)
    except ValidationError:
        logger.warning("a dead letter that says nothing was dropped")
        return
    job = system.table.get(JobRecord, message.job)
    if job is None or job.status.ended or job.status is Status.AWAITING_UPLOAD:
        return
    now, patience = system.now(), timedelta(seconds=system.settings.patience)
    job = lifecycle.apply(
        system.table,
        job,
        lambda job: lifecycle.dead_lettered(job, _reason(job), now, patience),
    )
    logger.warning("a job's message had died", extra={"job_id": job.id, "status": job.status.value})
    if not job.status.ended:
        send(system, job)


def _reason(job: JobRecord) -> JobError:
    return JobError(
        code="dead_letter",
        message=f"no worker could take this job, though it was offered again and again: "
        f"is there one that runs {job.model} {job.model_version}?",
        retryable=True,
    )
