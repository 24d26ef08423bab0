"""The last stages: what the device has made is encoded, stored and committed."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple

from gpu_worker.flow import Mean
from gpu_worker.store import Artwork, store
from gpu_worker.together import Outcome, together
from gpu_worker.work import Attempt
from gpu_worker.workshop import Workshop
from shared import lifecycle

TOGETHER_SECONDS = 0.01
"""What can be encoded within this is stored in one go, where that is cheaper: nobody waits longer
for the others' pictures."""
MOST = 16
"""Attempts that are stored in one go."""


class Draft(NamedTuple):
    """What was made of an attempt's samples."""

    attempt: Attempt
    samples: int
    artworks: Sequence[Artwork]
    """Nothing, where something went wrong."""


class Stores:
    """Takes what has come for attempts, in as many threads as there is work for."""

    def __init__(self, workshop: Workshop) -> None:
        self._system, self._flow, self._crew = workshop.system, workshop.flow, workshop.crew
        self._come: deque[Attempt] = deque()
        self._each = Mean()
        """Seconds in which an artwork is encoded."""

    def add(self, attempt: Attempt) -> None:
        """The device has something for it. It is dealt with when the device says `go`."""
        self._come.append(attempt)

    def go(self) -> None:
        """All of a batch have what is theirs."""
        come = iter(self._drained())
        while group := list(islice(come, self._most())):
            self._crew.run(partial(self._deal_with, group))

    def _drained(self) -> Iterator[Attempt]:
        while self._come:
            yield self._come.popleft()

    def _most(self) -> int:
        each = self._each.value
        if not self._system.joint or each is None:
            return 1
        return max(1, min(MOST, int(TOGETHER_SECONDS / max(each, 1e-6))))

    def _deal_with(self, attempts: Sequence[Attempt]) -> None:
        claimed = [attempt for attempt in attempts if attempt.claim()]
        try:
            if claimed:
                self._store(claimed)
        except BaseException as error:  # a bug of ours: nobody is left waiting for it
            for attempt in claimed:
                attempt.fail(error)
            raise

    def _store(self, attempts: Sequence[Attempt]) -> None:
        """In one go if there are several; each by itself, and waiting for no other, where that does
        not work."""
        begun = time.monotonic()
        drafts = [self._draft(attempt) for attempt in attempts]
        if self._kept_together([draft for draft in drafts if draft.artworks]):
            for draft in drafts:
                self._rest(draft, begun)
        else:
            for draft in drafts[1:]:
                self._crew.run(partial(self._store_alone, draft, begun))
            self._store_alone(drafts[0], begun)

    def _draft(self, attempt: Attempt) -> Draft:
        begun = time.monotonic()
        raw = attempt.take()
        artworks = attempt.encode(raw)
        if raw:
            self._each.note((time.monotonic() - begun) / len(raw))
        return Draft(attempt, len(raw), artworks)

    def _store_alone(self, draft: Draft, begun: float) -> None:
        if draft.artworks:
            draft.attempt.keep(draft.artworks)
        self._rest(draft, begun)

    def _rest(self, draft: Draft, begun: float) -> None:
        """Unless more has come for it meanwhile."""
        if draft.samples:
            self._flow.stored(draft.samples, time.monotonic() - begun)
        if not draft.attempt.rests():
            self._store([draft.attempt])

    def _kept_together(self, drafts: Sequence[Draft]) -> bool:
        if len(drafts) < 2:
            return not drafts
        try:
            outcomes = self._written_together(drafts)
        except Exception:  # each finds out by itself whether that concerns it
            return False
        for draft, outcome in zip(drafts, outcomes, strict=True):
            draft.attempt.was_named(outcome, draft.artworks)
        return True

    def _written_together(self, drafts: Sequence[Draft]) -> Sequence[Outcome]:
        for draft in drafts:
            draft.attempt.stored = True
        store(self._system, [(draft.attempt.job, draft.artworks) for draft in drafts])
        table = self._system.table
        writes = [
            partial(lifecycle.apply, table, one.attempt.job, one.attempt.naming(one.artworks))
            for one in drafts
        ]
        return together(self._system, writes)
