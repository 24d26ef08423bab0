"""The life of a job: what may follow on what, and how a worker that lost its job is fenced off."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from shared import lifecycle
from shared.contract import ENDED, JobError, Status
from shared.errors import JobEnded, StaleAttempt, WriteConflict
from shared.lifecycle import LOOK_AGAIN, MOVES, Lease, Transition
from shared.records import JobRecord, Made

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
MINUTE = timedelta(minutes=1)
MAX_TRIES = 3
PATIENCE = timedelta(hours=6)
COUNT = 2
ERROR = JobError(code="model_failed", message="no", retryable=True)
LEASE = Lease("worker-1", 1)
STALE = [Lease("worker-1", 2), Lease("worker-1", 0), Lease("worker-2", 1)]


def job(status: Status = Status.QUEUED, **changes: Any) -> JobRecord:
    fields: dict[str, Any] = {
        "id": "job-1",
        "tenant": "ada",
        "status": status,
        "model": "paint",
        "model_version": "1",
        "pool": "standard",
        "lane": "interactive",
        "input": {"text": "a cat"},
        "params": {"style": 1},
        "seed": 1,
        "count": COUNT,
        "created_at": NOW,
        "wake_at": NOW + LOOK_AGAIN,
    }
    return JobRecord(**{**fields, **changes})


def made(index: int = 0, attempt: int = 1) -> Made:
    return Made(index=index, media_type="image/png", sha256="0" * 64, bytes=1, attempt=attempt)


def example(status: Status) -> JobRecord:
    """A job as it stands in that status, once attempted where it can have been."""
    if status in (Status.AWAITING_UPLOAD, Status.QUEUED):
        return job(status, wake_at=LATER + MINUTE)
    artworks = tuple(made(index) for index in range(COUNT))
    tried = job(status, attempt=1, tries=1, started_at=NOW, artworks=artworks)
    if status is Status.RUNNING:
        return tried.model_copy(update={"holder": LEASE.holder})
    error = ERROR if status is Status.FAILED else None
    ended = {"ended_at": NOW, "announce": True, "error": error}
    return tried.model_copy(update=ended)


def deadline_passed(record: JobRecord) -> JobRecord:
    return record.model_copy(update={"finish_by": NOW})


WORKER: dict[str, Callable[[JobRecord, Lease], JobRecord]] = {
    "append": lambda record, lease: lifecycle.append(record, lease, made(1)),
    "succeed": lambda record, lease: lifecycle.succeed(record, lease, LATER),
    "fail": lambda record, lease: lifecycle.fail(record, lease, ERROR, LATER),
    "commit": lambda record, lease: lifecycle.commit(record, lease, made(1), LATER),
    "retry": lambda record, lease: lifecycle.retry(record, lease, ERROR, 1.0, LATER, MAX_TRIES),
    "postpone": lambda record, lease: lifecycle.postpone(
        record, lease, ERROR, 1.0, LATER, PATIENCE
    ),
    "hand_back": lambda record, lease: lifecycle.hand_back(record, lease, LATER),
    "confirm_cancel": lambda record, lease: lifecycle.confirm_cancel(record, lease, LATER),
}
OTHERS: dict[str, Transition] = {
    "enqueue": lambda record: lifecycle.enqueue(record, LATER),
    "start": lambda record: lifecycle.start(record, "worker-9", LATER, MAX_TRIES),
    "refuse": lambda record: lifecycle.refuse(record, ERROR, LATER),
    "cancel": lambda record: lifecycle.cancel(record, LATER),
    "expire": lambda record: lifecycle.expire(deadline_passed(record), LATER),
    "let_go": lambda record: lifecycle.let_go(record, LATER),
    "bury": lambda record: lifecycle.bury(record, LATER),
}

A, Q, R = Status.AWAITING_UPLOAD, Status.QUEUED, Status.RUNNING
S, F, C, X = Status.SUCCEEDED, Status.FAILED, Status.CANCELED, Status.EXPIRED
TABLE: dict[str, dict[Status, Status | type[Exception]]] = {
    "enqueue": {A: Q, Q: Q, R: R, S: S, F: F, C: C, X: X},
    "start": {A: JobEnded, Q: R, R: StaleAttempt, **dict.fromkeys((S, F, C, X), JobEnded)},
    "refuse": {A: JobEnded, Q: F, R: F, S: S, F: F, C: C, X: X},
    "cancel": {A: C, Q: C, R: R, S: JobEnded, F: JobEnded, C: C, X: JobEnded},
    "expire": {A: X, Q: X, R: X, S: S, F: F, C: C, X: X},
    "bury": {A: C, Q: C, R: C, S: S, F: F, C: C, X: X},
    "append": {R: R, **dict.fromkeys((A, Q, S, F, C, X), StaleAttempt)},
    "succeed": {R: S, S: S, **dict.fromkeys((A, Q, F, C, X), StaleAttempt)},
    "fail": {R: F, F: F, **dict.fromkeys((A, Q, S, C, X), StaleAttempt)},
    "confirm_cancel": {R: C, C: C, **dict.fromkeys((A, Q, S, F, X), StaleAttempt)},
    "commit": {R: S, S: S, C: C, **dict.fromkeys((A, Q, F, X), StaleAttempt)},
    "let_go": {A: A, Q: Q, R: R, S: S, F: F, C: C, X: X},
    "postpone": {A: StaleAttempt, Q: StaleAttempt, R: R, S: S, F: F, C: C, X: X},
    "retry": {A: StaleAttempt, Q: StaleAttempt, R: R, S: S, F: F, C: C, X: X},
    "hand_back": {A: StaleAttempt, Q: StaleAttempt, R: R, S: S, F: F, C: C, X: X},
}
"""From every status, what each transition leads to. A worker's carry the lease of attempt 1."""
CASES = [(name, status) for name in TABLE for status in Status]


def transition(name: str) -> Transition:
    if name in OTHERS:
        return OTHERS[name]
    return lambda record: WORKER[name](record, LEASE)


class TestEveryTransitionFromEveryStatus:
    @pytest.mark.parametrize(("name", "status"), CASES)
    def test_is_legal_or_raises(self, name: str, status: Status) -> None:
        before, expected = example(status), TABLE[name][status]
        if isinstance(expected, type):
            with pytest.raises(expected):
                transition(name)(before)
        else:
            assert transition(name)(before).status is expected

    @pytest.mark.parametrize(("name", "status"), CASES)
    def test_moves_only_forward(self, name: str, status: Status) -> None:
        expected = TABLE[name][status]
        if isinstance(expected, Status) and expected is not status:
            assert expected in MOVES[status]

    @pytest.mark.parametrize(("name", "status"), [case for case in CASES if case[0] != "expire"])
    def test_applied_twice_gives_the_very_record(self, name: str, status: Status) -> None:
        """So a write whose answer was lost can be sent again."""
        if isinstance(TABLE[name][status], type):
            return
        once = transition(name)(example(status))
        again = OTHERS["start"] if name == "start" else transition(name)
        assert again(once) is once

    @pytest.mark.parametrize("status", Status)
    def test_expiry_twice_gives_the_very_record(self, status: Status) -> None:
        once = lifecycle.expire(deadline_passed(example(status)), LATER)
        assert lifecycle.expire(once, LATER) is once

    @pytest.mark.parametrize("status", sorted(ENDED))
    @pytest.mark.parametrize("name", [name for name in TABLE if name not in ("expire", "bury")])
    def test_leaves_an_ended_job_alone(self, name: str, status: Status) -> None:
        ended = example(status)
        if not isinstance(TABLE[name][status], type):
            assert transition(name)(ended) is ended

    @pytest.mark.parametrize("status", [status for status in Status if status not in ENDED])
    @pytest.mark.parametrize("name", list(TABLE))
    def test_that_ends_a_job_says_so_in_the_same_write(self, name: str, status: Status) -> None:
        expected = TABLE[name][status]
        if name == "bury" or not isinstance(expected, Status) or expected not in ENDED:
            return
        ended = transition(name)(example(status))
        assert (ended.ended_at, ended.holder, ended.announce) == (LATER, None, True)
        assert ended.index().announce
        assert ended.index().due_at == LATER + lifecycle.ANNOUNCE_AGAIN


class TestFencing:
    @pytest.mark.parametrize("lease", STALE)
    @pytest.mark.parametrize("name", list(WORKER))
    def test_a_stale_lease_writes_nothing(self, name: str, lease: Lease) -> None:
        with pytest.raises(StaleAttempt):
            WORKER[name](example(Status.RUNNING), lease)

    @pytest.mark.parametrize("name", list(WORKER))
    def test_who_was_taken_for_dead_writes_nothing(self, name: str) -> None:
        taken = lifecycle.start(example(Status.RUNNING), "worker-2", LATER, MAX_TRIES, lapsed=1)
        assert (taken.attempt, taken.holder) == (2, "worker-2")
        with pytest.raises(StaleAttempt):
            WORKER[name](taken, LEASE)
        assert WORKER[name](taken, Lease("worker-2", 2)).status in Status

    @pytest.mark.parametrize("name", ["append", "succeed", "fail", "confirm_cancel"])
    def test_who_let_go_writes_nothing(self, name: str) -> None:
        released = WORKER["retry"](example(Status.RUNNING), LEASE)
        with pytest.raises(StaleAttempt):
            WORKER[name](released, LEASE)

    @pytest.mark.parametrize("name", list(WORKER))
    @pytest.mark.parametrize(
        "end",
        [
            lambda record: lifecycle.expire(deadline_passed(record), LATER),
            lambda record: lifecycle.bury(record, LATER),
            lambda record: lifecycle.refuse(record, ERROR, LATER),
        ],
    )
    def test_an_end_from_outside_fences_the_holder_off(self, name: str, end: Transition) -> None:
        ended = end(example(Status.RUNNING))
        with suppress(StaleAttempt):
            assert WORKER[name](ended, LEASE) is ended


class TestStart:
    def test_takes_the_job_under_a_new_attempt(self) -> None:
        taken = lifecycle.start(job(), "worker-1", LATER, MAX_TRIES)
        assert (taken.attempt, taken.tries, taken.holder) == (1, 1, "worker-1")
        assert (taken.status, taken.started_at) == (Status.RUNNING, LATER)

    @pytest.mark.parametrize("lapsed", [None, 0, 2])
    def test_never_steals_a_live_attempt(self, lapsed: int | None) -> None:
        with pytest.raises(StaleAttempt):
            lifecycle.start(example(Status.RUNNING), "worker-2", LATER, MAX_TRIES, lapsed)

    def test_after_an_end_of_ours_that_was_not_written_is_a_new_attempt_of_the_same_try(
        self,
    ) -> None:
        """Or what the first one stored would not be looked for."""
        worn = example(Status.RUNNING).model_copy(update={"tries": MAX_TRIES})
        again = lifecycle.start(worn, "worker-1", LATER, MAX_TRIES, lapsed=1)
        assert (again.attempt, again.tries, again.holder) == (2, MAX_TRIES, "worker-1")
        assert lifecycle.start(again, "worker-1", LATER, MAX_TRIES, lapsed=1) is again
        assert lifecycle.succeed(again, Lease("worker-1", 2), LATER).untidy

    def test_keeps_the_first_start_and_what_was_made(self) -> None:
        again = lifecycle.start(example(Status.RUNNING), "worker-2", LATER, MAX_TRIES, lapsed=1)
        assert again.started_at == NOW
        assert len(again.artworks) == COUNT

    def test_ends_a_job_that_was_lost_too_often(self) -> None:
        worn = example(Status.RUNNING).model_copy(update={"tries": MAX_TRIES, "attempt": 5})
        ended = lifecycle.start(worn, "worker-2", LATER, MAX_TRIES, lapsed=5)
        assert ended.status is Status.FAILED
        assert ended.error
        assert ended.error.code == "attempts_exhausted"
        assert ended.attempt == 5

    def test_ends_a_job_that_is_to_be_canceled(self) -> None:
        asked = lifecycle.cancel(example(Status.RUNNING), LATER)
        assert lifecycle.start(asked, "w", LATER, MAX_TRIES, lapsed=1).status is Status.CANCELED

    @pytest.mark.parametrize("deadline", ["start_by", "finish_by"])
    def test_ends_a_job_that_is_too_late(self, deadline: str) -> None:
        late = job().model_copy(update={deadline: LATER})
        assert lifecycle.start(late, "w", LATER, MAX_TRIES).status is Status.EXPIRED
        in_time = lifecycle.start(late, "w", LATER - MINUTE, MAX_TRIES)
        assert in_time.status is Status.RUNNING

    def test_once_started_a_job_need_not_start_in_time_again(self) -> None:
        late = example(Status.RUNNING).model_copy(update={"start_by": NOW})
        assert not lifecycle.overdue(late, LATER)
        assert lifecycle.start(late, "w", LATER, MAX_TRIES, lapsed=1).status is Status.RUNNING


class TestAttempts:
    def run(self, record: JobRecord, holder: str) -> tuple[JobRecord, Lease]:
        taken = lifecycle.start(record, holder, LATER, MAX_TRIES)
        return taken, Lease(holder, taken.attempt)

    def test_count_when_they_end_without_a_verdict(self) -> None:
        record = job()
        for number in range(1, MAX_TRIES + 1):
            record, lease = self.run(record, f"worker-{number}")
            assert record.tries == number
            record = WORKER["retry"](record, lease)
        assert (record.status, record.error) == (Status.FAILED, ERROR)

    def test_do_not_count_when_handed_back(self) -> None:
        record = job()
        for number in range(10):
            record, lease = self.run(record, f"worker-{number}")
            record = lifecycle.hand_back(record, lease, LATER)
        assert (record.attempt, record.tries, record.holder) == (10, 0, None)
        assert record.status is Status.RUNNING

    def test_do_not_count_when_our_own_services_failed(self) -> None:
        record = job()
        for number in range(10):
            record, lease = self.run(record, f"worker-{number}")
            record = WORKER["postpone"](record, lease)
        assert (record.tries, record.status, record.troubled_since) == (0, Status.RUNNING, LATER)

    def test_end_when_our_services_have_failed_for_too_long(self) -> None:
        record, lease = self.run(job(troubled_since=LATER - PATIENCE - MINUTE), "worker-1")
        ended = WORKER["postpone"](record, lease)
        assert (ended.status, ended.error) == (Status.FAILED, ERROR)

    def test_are_patient_anew_once_an_artwork_was_made(self) -> None:
        troubled = job(troubled_since=LATER - PATIENCE - MINUTE, backoff=60.0)
        record, lease = self.run(troubled, "worker-1")
        record = lifecycle.append(record, lease, made())
        assert (record.troubled_since, record.backoff) == (None, 0.0)

    def test_that_ended_without_a_verdict_are_remembered_until_one_ends_with_one(self) -> None:
        record, _ = self.run(job(), "worker-1")
        assert not record.lost
        taken = lifecycle.start(record, "worker-2", LATER, MAX_TRIES, lapsed=record.attempt)
        assert taken.lost
        assert lifecycle.let_go(record, LATER).lost
        assert not lifecycle.let_go(record, LATER, blamed=False).lost
        lease = Lease("worker-2", taken.attempt)
        assert not lifecycle.retry(taken, lease, ERROR, 1.0, LATER, MAX_TRIES).lost
        assert not lifecycle.hand_back(taken, lease, LATER).lost
        again = lifecycle.start(record, "worker-1", LATER, MAX_TRIES, lapsed=record.attempt)
        assert not again.lost  # its own, whose end it could not write

    def test_of_a_dead_holder_are_let_go_and_count(self) -> None:
        record, lease = self.run(job(), "worker-1")
        free = lifecycle.let_go(record, LATER)
        assert (free.holder, free.tries, free.status) == (None, 1, Status.RUNNING)
        with pytest.raises(StaleAttempt):
            lifecycle.append(free, lease, made())

    def test_do_not_count_when_the_whole_machine_died(self) -> None:
        record, _ = self.run(job(), "worker-1")
        assert lifecycle.let_go(record, LATER, blamed=False).tries == 0

    def test_count_when_the_machine_dies_of_it_again_and_again(self) -> None:
        record = job()
        for _ in range(100):
            record, _ = self.run(record, "worker-1")
            if record.status.ended:
                break
            record = lifecycle.let_go(record, LATER, blamed=False)
        assert (record.status, record.tries) == (Status.FAILED, MAX_TRIES)

    def test_the_fencing_token_rises_even_when_they_do_not_count(self) -> None:
        record, first = self.run(job(), "worker-1")
        record = lifecycle.hand_back(record, first, LATER)
        record, second = self.run(record, "worker-1")
        assert second.attempt == first.attempt + 1
        with pytest.raises(StaleAttempt):
            lifecycle.append(record, first, made())


class TestArtworks:
    def test_are_kept_in_order_and_once_each(self) -> None:
        record = example(Status.RUNNING).model_copy(update={"artworks": ()})
        for index in (1, 0, 1):
            record = lifecycle.append(record, LEASE, made(index))
        assert [artwork.index for artwork in record.artworks] == [0, 1]

    def test_of_an_earlier_attempt_stay(self) -> None:
        first = example(Status.RUNNING).model_copy(update={"artworks": (made(0),)})
        second = lifecycle.start(first, "worker-2", LATER, MAX_TRIES, lapsed=1)
        assert second.missing == [1]
        lease = Lease("worker-2", 2)
        assert lifecycle.append(second, lease, made(0, attempt=2)) is second
        whole = lifecycle.append(second, lease, made(1, attempt=2))
        assert [artwork.attempt for artwork in whole.artworks] == [1, 2]

    def test_outlive_a_failure(self) -> None:
        some = example(Status.RUNNING).model_copy(update={"artworks": (made(0),)})
        assert lifecycle.fail(some, LEASE, ERROR, LATER).artworks == (made(0),)

    def test_are_all_there_when_a_job_succeeds(self) -> None:
        some = example(Status.RUNNING).model_copy(update={"artworks": (made(0),)})
        with pytest.raises(ValueError):  # noqa: PT011
            lifecycle.succeed(some, LEASE, LATER)

    def test_of_no_such_index_are_not_taken(self) -> None:
        record = example(Status.RUNNING)
        assert lifecycle.append(record, LEASE, made(COUNT)) is record


class TestCancel:
    def test_asks_the_holder_first(self) -> None:
        asked = lifecycle.cancel(example(Status.RUNNING), LATER)
        assert asked.cancel_requested
        assert asked.holder == LEASE.holder
        assert lifecycle.confirm_cancel(asked, LEASE, LATER).status is Status.CANCELED

    def test_is_at_once_between_attempts(self) -> None:
        released = WORKER["retry"](example(Status.RUNNING), LEASE)
        assert lifecycle.cancel(released, LATER).status is Status.CANCELED

    def test_may_come_too_late(self) -> None:
        done = lifecycle.succeed(example(Status.RUNNING), LEASE, LATER)
        assert done.status is Status.SUCCEEDED
        with pytest.raises(JobEnded):
            lifecycle.cancel(done, LATER)

    @pytest.mark.parametrize("end", ["succeed", "fail", "commit", "retry", "postpone", "hand_back"])
    def test_once_accepted_wins_over_every_other_end(self, end: str) -> None:
        asked = lifecycle.cancel(example(Status.RUNNING), LATER)
        ended = WORKER[end](asked, LEASE)
        assert (ended.status, ended.error) == (Status.CANCELED, None)

    def test_once_accepted_wins_over_a_deadline_and_a_dead_letter(self) -> None:
        asked = lifecycle.cancel(example(Status.RUNNING), LATER)
        assert OTHERS["expire"](asked).status is Status.CANCELED
        assert OTHERS["refuse"](asked).status is Status.CANCELED
        assert OTHERS["let_go"](asked).status is Status.CANCELED

    def test_takes_no_more_artworks(self) -> None:
        some = example(Status.RUNNING).model_copy(update={"artworks": ()})
        asked = lifecycle.cancel(some, LATER)
        assert WORKER["commit"](asked, LEASE).artworks == ()

    @pytest.mark.parametrize("let_go", ["retry", "hand_back"])
    def test_is_not_forgotten_when_the_holder_lets_go(self, let_go: str) -> None:
        asked = lifecycle.cancel(example(Status.RUNNING), LATER)
        assert WORKER[let_go](asked, LEASE).status is Status.CANCELED

    @pytest.mark.parametrize("let_go", ["retry", "hand_back"])
    def test_asked_again_when_nobody_holds_it_is_at_once(self, let_go: str) -> None:
        asked = lifecycle.cancel(example(Status.RUNNING), LATER)
        released = WORKER[let_go](asked, LEASE)
        assert lifecycle.cancel(released, LATER).status is Status.CANCELED


class TestExpiry:
    def test_waits_for_the_deadline(self) -> None:
        in_time = job(finish_by=LATER)
        assert lifecycle.expire(in_time, LATER - MINUTE) is in_time
        assert lifecycle.expire(in_time, LATER).status is Status.EXPIRED

    def test_of_an_upload_that_never_came(self) -> None:
        waiting = job(Status.AWAITING_UPLOAD, wake_at=LATER)
        assert lifecycle.expire(waiting, LATER - MINUTE) is waiting
        assert lifecycle.expire(waiting, LATER).status is Status.EXPIRED

    def test_has_no_hold_over_an_upload_that_came(self) -> None:
        queued = lifecycle.enqueue(job(Status.AWAITING_UPLOAD, wake_at=LATER), LATER)
        assert lifecycle.expire(queued, LATER + LOOK_AGAIN) is queued


class TestAfterTheEnd:
    @pytest.mark.parametrize("status", sorted(ENDED))
    def test_it_is_announced_once(self, status: Status) -> None:
        told = lifecycle.announced(example(status), None)
        assert not told.announce
        assert told.index().due_at is None
        assert lifecycle.announced(told, LATER) is told

    @pytest.mark.parametrize("status", [S, F, C, X])
    def test_what_attempts_left_behind_is_looked_for(self, status: Status) -> None:
        """A job that succeeded at the first attempt names all that was stored."""
        ended = WORKER["commit"](example(R), LEASE) if status is S else OTHERS["expire"](example(R))
        told = lifecycle.announced(ended, None)
        assert told.untidy == (status is not S)
        assert told.index().due_at == (LATER + lifecycle.TIDY_AFTER if told.untidy else None)
        tidy = lifecycle.tidied(told, None)
        assert (tidy.untidy, tidy.index().due_at) == (False, None)
        assert lifecycle.tidied(tidy, LATER) is tidy

    def test_a_second_attempt_is_tidied_after_though_it_succeeds(self) -> None:
        second = lifecycle.start(example(R), "worker-2", LATER, MAX_TRIES, lapsed=1)
        assert lifecycle.succeed(second, Lease("worker-2", 2), LATER).untidy

    def test_what_never_ran_left_nothing(self) -> None:
        assert not lifecycle.cancel(job(), LATER).untidy

    @pytest.mark.parametrize("status", Status)
    def test_nothing_is_left_of_a_buried_job(self, status: Status) -> None:
        buried = lifecycle.bury(example(status), LATER)
        assert buried.deleted
        assert buried.status.ended
        assert buried.ended_at
        assert not buried.announce
        index = buried.index()
        assert (index.owner, index.batch) == (None, None)
        assert index.expires_at is None  # not before it is purged
        assert "a cat" not in buried.model_dump_json()
        assert '"style"' not in buried.model_dump_json()

    def test_a_purged_job_is_never_due_again(self) -> None:
        gone = lifecycle.purged(lifecycle.bury(example(Status.SUCCEEDED), LATER))
        assert (gone.index().due_at, gone.artworks, gone.drop) == (None, (), None)
        assert gone.index().expires_at

    def test_purged_twice_is_the_very_record(self) -> None:
        gone = lifecycle.purged(lifecycle.bury(example(Status.SUCCEEDED), LATER))
        assert lifecycle.purged(gone) is gone

    def test_a_job_that_is_not_buried_is_not_purged(self) -> None:
        record = example(Status.SUCCEEDED)
        assert lifecycle.purged(record).artworks == record.artworks

    def test_sweep_looks_less_and_less_often(self) -> None:
        record = job(queued_at=NOW)
        moments = []
        for _ in range(4):
            assert record.wake_at
            moments.append(record.wake_at)
            record = lifecycle.looked_at(record, record.wake_at)
        gaps = [later - earlier for earlier, later in pairwise(moments)]
        assert gaps == [LOOK_AGAIN, 2 * LOOK_AGAIN, 4 * LOOK_AGAIN]


@dataclass
class Shelf:
    """As much of a table as `apply` needs; `faster` is what another writer does first."""

    stored: JobRecord | None
    faster: list[Transition] = field(default_factory=list)
    puts: int = 0

    def put(self, record: JobRecord) -> JobRecord:
        self.puts += 1
        if self.faster:
            assert self.stored
            changed = self.faster.pop()(self.stored)
            self.stored = changed.model_copy(update={"version": self.stored.version + 1})
        if self.stored is None or self.stored.version != record.version:
            raise WriteConflict
        self.stored = record.model_copy(update={"version": record.version + 1})
        return self.stored

    def get(self, kind: type[JobRecord], pk: str) -> JobRecord | None:
        return self.stored


class TestApply:
    def apply(self, shelf: Shelf, record: JobRecord, step: Transition) -> JobRecord:
        return lifecycle.apply(shelf, record, step)  # type: ignore[arg-type]

    def test_writes_what_changed(self) -> None:
        shelf = Shelf(job(version=1))
        assert self.apply(shelf, job(version=1), OTHERS["start"]) == shelf.stored
        assert shelf.stored
        assert shelf.stored.version == 2

    def test_writes_nothing_where_nothing_changed(self) -> None:
        ended = example(Status.CANCELED)
        shelf = Shelf(ended)
        assert self.apply(shelf, ended, OTHERS["cancel"]) is ended
        assert shelf.puts == 0

    def test_tries_again_on_what_another_wrote(self) -> None:
        first = job(version=1)
        shelf = Shelf(first, [lambda record: record.model_copy(update={"metadata": {"a": "b"}})])
        stored = self.apply(shelf, first, OTHERS["start"])
        assert (stored.status, stored.metadata, stored.version) == (Status.RUNNING, {"a": "b"}, 3)

    def test_is_refused_where_another_was_faster(self) -> None:
        first = job(version=1)
        with pytest.raises(StaleAttempt):
            self.apply(
                Shelf(first, [lambda record: lifecycle.start(record, "w", NOW, MAX_TRIES)]),
                first,
                OTHERS["start"],
            )
        with pytest.raises(JobEnded):
            self.apply(Shelf(first, [OTHERS["cancel"]]), first, OTHERS["start"])

    def test_writes_no_job_that_is_gone(self) -> None:
        with pytest.raises(StaleAttempt):
            self.apply(Shelf(None), job(version=1), OTHERS["start"])


class Lives(RuleBasedStateMachine):
    """Workers, clients and `sweep` do whatever they like, in any order."""

    workers = st.sampled_from(["w1", "w2", "w3"])

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.job = job(
            Status.AWAITING_UPLOAD, wake_at=NOW + 30 * MINUTE, finish_by=NOW + 200 * MINUTE
        )
        self.leases = [Lease("nobody", 0)]

    def step(self, transition: Transition) -> None:
        """Take it where it is legal; where it was taken, the same again changes nothing."""
        before = self.job
        try:
            after = transition(before)
        except (JobEnded, StaleAttempt):
            return
        assert transition(after) is after
        if after.status is not before.status:
            assert after.status in MOVES[before.status]
        if before.status.ended:
            assert self.outcome(after) == self.outcome(before)
        assert after.attempt >= before.attempt
        assert {m.index for m in before.artworks} <= {m.index for m in after.artworks}
        self.job = after

    @staticmethod
    def outcome(record: JobRecord) -> tuple[object, ...]:
        return (record.status, record.ended_at, record.attempt, record.tries, record.artworks)

    def by_worker(self, which: int, transition: Callable[[JobRecord, Lease], JobRecord]) -> None:
        """A worker acts on any lease that anybody was ever given."""
        lease = self.leases[which % len(self.leases)]
        before = self.job
        self.step(lambda record: transition(record, lease))
        if (before.holder, before.attempt) != (lease.holder, lease.attempt):
            assert self.job is before

    @rule(minutes=st.integers(1, 60))
    def time_passes(self, minutes: int) -> None:
        self.now += minutes * MINUTE

    @rule()
    def enqueue(self) -> None:
        self.step(lambda record: lifecycle.enqueue(record, self.now))

    @rule(worker=workers, patient=st.booleans())
    def start(self, worker: str, patient: bool) -> None:
        lapsed = self.job.attempt if patient else None
        before, now = self.job, self.now
        try:
            self.job = lifecycle.start(before, worker, now, MAX_TRIES, lapsed)
        except (JobEnded, StaleAttempt):
            return
        if self.job.holder:
            assert self.job.holder == worker
            assert lifecycle.start(self.job, worker, now, MAX_TRIES, lapsed) is self.job
            self.leases.append(Lease(worker, self.job.attempt))

    @rule(which=st.integers(0, 99), index=st.integers(0, COUNT))
    def append(self, which: int, index: int) -> None:
        self.by_worker(which, lambda record, lease: lifecycle.append(record, lease, made(index)))

    @rule(which=st.integers(0, 99), name=st.sampled_from(sorted(set(WORKER) - {"append"})))
    def end_or_let_go(self, which: int, name: str) -> None:
        self.by_worker(which, WORKER[name])

    @rule()
    def cancel(self) -> None:
        self.step(lambda record: lifecycle.cancel(record, self.now))

    @rule()
    def sweep_expires(self) -> None:
        self.step(lambda record: lifecycle.expire(record, self.now))

    @rule()
    def sweep_looks(self) -> None:
        if self.job.status is not Status.AWAITING_UPLOAD:
            self.job = lifecycle.looked_at(self.job, self.now)

    @rule()
    def notify(self) -> None:
        self.step(lambda record: lifecycle.announced(record, None))

    @rule()
    def sweep_tidies(self) -> None:
        self.step(lambda record: lifecycle.tidied(record, None) if not record.announce else record)

    @rule()
    def the_machine_starts_again(self) -> None:
        self.step(lambda record: lifecycle.let_go(record, self.now))

    @rule()
    def delete(self) -> None:
        self.step(lambda record: lifecycle.bury(record, self.now))

    @invariant()
    def is_whole(self) -> None:
        record = self.job
        assert 0 <= record.tries <= min(record.attempt, MAX_TRIES)
        assert record.holder is None or record.status is Status.RUNNING
        assert record.status.ended == (record.ended_at is not None)
        assert not record.announce or record.status.ended
        assert (record.error is not None) == (record.status is Status.FAILED and not record.deleted)
        indices = [artwork.index for artwork in record.artworks]
        assert indices == sorted(set(indices) & set(range(COUNT)))

    @invariant()
    def is_looked_after(self) -> None:
        """What has not ended, or is not announced, is due some day: nothing is forgotten."""
        if not self.job.status.ended or self.job.announce or self.job.deleted:
            assert self.job.index().due_at is not None


TestLives = Lives.TestCase
TestLives.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
