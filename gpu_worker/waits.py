"""How long to wait: before a job is tried again, and for a service that stumbles."""

import time
from collections.abc import Callable
from typing import TypeVar

from shared.backoff import decorrelated
from shared.errors import Unavailable
from shared.records import JobRecord

T = TypeVar("T")

RETRY_LEAST, RETRY_MOST = 1.0, 60.0
"""Seconds between two tries of a job."""
POSTPONE_LEAST, POSTPONE_MOST = 1.0, 300.0
"""Seconds after which a job is looked at again that our services have failed."""
STUMBLE_LEAST, STUMBLE_MOST = 0.1, 5.0


def before_retry(job: JobRecord) -> float:
    """Until the next try, after one that ended without a verdict."""
    return decorrelated(job.backoff, RETRY_LEAST, RETRY_MOST)


def before_return(job: JobRecord) -> float:
    """Until services that have failed are asked again for this job."""
    return decorrelated(job.backoff, POSTPONE_LEAST, POSTPONE_MOST)


def patiently(seconds: float, work: Callable[[], T]) -> T:
    """Do what is repeatable again and again where a service fails it, for so long at most."""
    give_up = time.monotonic() + seconds
    wait = 0.0
    while True:
        try:
            return work()
        except Unavailable:
            wait = decorrelated(wait, STUMBLE_LEAST, STUMBLE_MOST)
            if time.monotonic() + wait > give_up:
                raise
            time.sleep(wait)
