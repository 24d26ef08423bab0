"""Jobs that come together are begun and stored together, and none of them suffers from another."""

import gc
from collections.abc import Callable
from typing import Any
from weakref import ref

import pytest

from functions.submission import submit
from gpu_worker.pace import Pace
from gpu_worker.prepare import prepare
from gpu_worker.stores import MOST, Stores
from gpu_worker.work import Attempt
from shared import lifecycle
from shared.contract import Status
from shared.errors import Unavailable
from shared.message import job_message
from shared.records import JobRecord
from shared.settings import Settings
from shared.system import System
from tests.integration.working import blobs, by_hand, current, named, request
from tests.machine import wait_until
from tests.services import Services

JOBS = 8
VISIBILITY = 5.0

Given = tuple[Any, ...]


@pytest.fixture
def chosen(chosen: Settings) -> Settings:
    return chosen.model_copy(update={"visibility": VISIBILITY, "heartbeat": 30.0})


@pytest.fixture(autouse=True)
def _practised(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after some batches: all that waits is made at once, and what was made stored at once."""
    monkeypatch.setattr(Pace, "best", lambda *_: JOBS)
    monkeypatch.setattr(Stores, "_most", lambda _: MOST)


@pytest.fixture
def services(system: System) -> Services:
    return Services(system, keeper=False)


@pytest.fixture
def jobs(system: System) -> list[JobRecord]:
    return [submit(system, "local", request("looking")) for _ in range(JOBS)]


@pytest.fixture
def work(services: Services, jobs: list[JobRecord]) -> Callable[[], list[JobRecord]]:
    """Take the messages of all jobs at once, and work until nothing is under way; the jobs then."""
    system = services.system

    def take() -> list[JobRecord]:
        hand, lane = by_hand(system), system.lane("standard", "interactive")
        hand._intake.take(lane, lane.receive(JOBS, VISIBILITY))
        hand._intake.wait_until_over()
        return [current(system, job) for job in jobs]

    return take


def whole(system: System, job: JobRecord) -> bool:
    """It has its one artwork, and nothing else is stored for it."""
    made = len(job.artworks) == 1
    return made and job.status is Status.SUCCEEDED and blobs(system, job) == named(job)


def cancel(system: System, job: JobRecord) -> None:
    now = system.now()
    lifecycle.apply(system.table, current(system, job), lambda job: lifecycle.cancel(job, now))


def test_messages_that_came_together_are_looked_up_by_one_call(
    services: Services, work: Callable[[], list[JobRecord]]
) -> None:
    asked: list[int] = []

    def note(_: int, name: str, given: Given) -> None:
        if name == "table.get_many":
            asked.append(len(given[1]))

    services.before = note
    assert all(whole(services.system, job) for job in work())
    assert asked == [JOBS]


def test_pictures_of_one_batch_go_to_the_disk_in_one_go(
    services: Services, work: Callable[[], list[JobRecord]]
) -> None:
    stored: list[int] = []

    def note(_: int, name: str, given: Given) -> None:
        if name == "artworks.put_all":
            stored.append(len(given[0]) // 3)

    services.before = note
    assert all(whole(services.system, job) for job in work())
    assert sum(stored) == JOBS
    assert max(stored) > 1


@pytest.mark.parametrize("answered", [True, False], ids=["refused", "unanswered"])
@pytest.mark.parametrize("call", ["table.put", "artworks.put_all"])
def test_what_fails_for_many_is_tried_one_by_one_and_made_once(
    services: Services, work: Callable[[], list[JobRecord]], call: str, answered: bool
) -> None:
    failed: list[int] = []

    def fail(number: int, name: str, _: Given) -> None:
        if name == call and len(failed) < 2:
            failed.append(number)
            raise Unavailable(f"{name} failed")

    if answered:
        services.before = fail
    else:
        services.after = fail
    done = work()
    assert len(failed) == 2
    assert all(whole(services.system, job) for job in done)
    assert {(job.attempt, job.tries) for job in done} == {(1, 1)}


def test_one_that_another_worker_has_begun_meanwhile_is_left_to_it(
    services: Services, jobs: list[JobRecord], work: Callable[[], list[JobRecord]]
) -> None:
    system = services.system
    begun: list[JobRecord] = []

    def begin_elsewhere(_: int, name: str, given: Given) -> None:
        if name == "table.get_many" and not begun:
            started = lifecycle.start(jobs[3], "another", system.now(), 3)
            begun.append(started)
            system.table.put(started)

    services.after = begin_elsewhere
    done = work()
    elsewhere = done.pop(3)
    assert (elsewhere.status, elsewhere.holder) == (Status.RUNNING, "another")
    assert all(whole(system, job) for job in done)


def test_one_that_is_canceled_while_all_are_stored_leaves_nothing(
    services: Services, jobs: list[JobRecord], work: Callable[[], list[JobRecord]]
) -> None:
    system = services.system

    def cancel_one(_: int, name: str, given: Given) -> None:
        if name == "artworks.put_all":
            cancel(system, jobs[3])

    services.before = cancel_one
    done = work()
    canceled = done.pop(3)
    assert (canceled.status, canceled.artworks) == (Status.CANCELED, ())
    assert not blobs(system, canceled)
    assert all(whole(system, job) for job in done)


def test_one_that_cannot_be_encoded_fails_alone(
    services: Services,
    jobs: list[JobRecord],
    work: Callable[[], list[JobRecord]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tests.own_models import Looking

    encode, failed = Looking.encode, []

    def fail_once(model: Any, *given: Any) -> Any:
        if not failed:
            failed.append(given)
            raise ZeroDivisionError("a bug")
        return encode(model, *given)

    monkeypatch.setattr(Looking, "encode", fail_once)
    done = work()
    again = [job for job in done if not job.status.ended]
    assert [(job.holder, job.artworks) for job in again] == [(None, ())]
    assert sum(whole(services.system, job) for job in done) == JOBS - 1
    assert not blobs(services.system, again[0])


def test_a_bug_of_ours_leaves_nobody_waiting(
    services: Services, work: Callable[[], list[JobRecord]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(*_: Any) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(Attempt, "was_named", bug)
    assert all(whole(services.system, job) for job in work())


def test_what_was_made_is_kept_no_longer_than_it_is_needed(
    work: Callable[[], list[JobRecord]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor until Python looks for what only knows itself: pictures are large."""
    kept: list[ref[Any]] = []

    def remember(*given: Any) -> Any:
        prepared = prepare(*given)
        kept.append(ref(prepared))
        return prepared

    monkeypatch.setattr("gpu_worker.work.prepare", remember)
    gc.disable()
    try:
        work()
        wait_until(lambda: not any(one() for one in kept))
    finally:
        gc.enable()
    assert len(kept) == JOBS


def test_none_of_their_messages_is_left(
    services: Services, jobs: list[JobRecord], work: Callable[[], list[JobRecord]]
) -> None:
    work()
    lane = services.system.lane("standard", "interactive")
    assert [lane.position(job_message(job.id)) for job in jobs] == [None] * JOBS
