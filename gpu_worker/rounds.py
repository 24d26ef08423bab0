"""What is due for the kept jobs, done for all of them together: a call costs as much for one as for
ten."""

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from functools import partial

from gpu_worker.crew import Crew
from gpu_worker.kept import UNDER_WAY, Kept
from shared.errors import Unavailable
from shared.logs import Logger
from shared.ports import Letter
from shared.records import JobRecord
from shared.system import System

logger = Logger(service="worker")

ALONG = 0.5
"""Whose time is half over goes along with those whose time has come."""


class Rounds:
    """Looks, pulses and extensions, in threads of the crew: a service that is slow to answer one
    call makes none of the others late."""

    def __init__(self, system: System, crew: Crew) -> None:
        self._system, self._crew = system, crew

    def begin(self, kept: Sequence[Kept]) -> None:
        """Do what is due now. Once the work on a job is to stop, nothing more is done for it."""
        now = time.monotonic()
        wanted = [one for one in kept if one.hold.stop is None]
        self._begin_looks(_due({one: one.look_due(now) for one in wanted}, ALONG))
        self._begin_beats(_due({one: one.beat_due(now) for one in wanted}))
        self._begin_extensions(_due({one: one.extension_due(now) for one in wanted}, ALONG))

    def _begin_looks(self, kept: Sequence[Kept]) -> None:
        for one in kept:
            one.looked = UNDER_WAY
        if kept:
            self._crew.submit(partial(self._look, kept))

    def _begin_beats(self, kept: Sequence[Kept]) -> None:
        """Each by a call of its own: a pulse is written under a condition."""
        for one in kept:
            one.beaten = UNDER_WAY
            self._crew.submit(one.beat)

    def _begin_extensions(self, kept: Sequence[Kept]) -> None:
        queues: dict[int, list[Kept]] = {}
        for one in kept:
            one.extended = UNDER_WAY
            queues.setdefault(id(one.queue), []).append(one)
        for some in queues.values():
            self._crew.submit(partial(_extend, some))

    def _look(self, kept: Sequence[Kept]) -> None:
        asked = time.monotonic()
        try:
            jobs = self._system.table.get_many(JobRecord, [one.hold.job.id for one in kept])
        except Exception as error:
            if isinstance(error, Unavailable) or len(kept) == 1:
                logger.exception("a look failed", extra={"jobs": [one.hold.job.id for one in kept]})
            else:  # one record that cannot be read says nothing about the others
                for one in kept:
                    self._look([one])
        else:
            for one in kept:
                one.see(jobs.get(one.hold.job.id), asked)
        for one in kept:
            one.looked = asked


def _extend(kept: Sequence[Kept]) -> None:
    """The messages of one queue."""
    begun = time.monotonic()
    with ExitStack() as at_work:
        going_on = [one for one in kept if at_work.enter_context(one.at_work())]
        seconds = {one.letter: one.held_for() for one in going_on}
        failed: Collection[Letter] = seconds
        try:
            failed = kept[0].queue.extend_all(seconds)
        except Exception:
            logger.exception("messages could not be kept")
    for one in going_on:
        one.was_extended(begun, one.letter in failed)


def _due(shares: Mapping[Kept, float], along: float = 1.0) -> list[Kept]:
    """Those for whom all of the time has passed, and with them those for whom that share has."""
    if all(share < 1 for share in shares.values()):
        return []
    return [one for one, share in shares.items() if share >= along]
