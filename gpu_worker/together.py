"""Several writes in one commit, each with an outcome of its own."""

from collections.abc import Callable, Sequence

from shared.errors import JobEnded, StaleAttempt
from shared.records import JobRecord
from shared.system import System

Outcome = JobRecord | JobEnded | StaleAttempt
"""The record as it was written, or why nothing was: that concerns no other."""


def together(system: System, writes: Sequence[Callable[[], JobRecord]]) -> list[Outcome]:
    """Their outcomes, in order. Where it raises, for a reason that may be one of them alone, each
    is to be tried by itself: any of them may have been written."""
    return system.together(lambda: [_outcome(write) for write in writes])


def _outcome(write: Callable[[], JobRecord]) -> Outcome:
    try:
        return write()
    except (JobEnded, StaleAttempt) as error:
        return error
