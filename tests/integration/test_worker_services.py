"""Services that fail cost a job time, never a try, an artwork or its end."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from functions.submission import submit
from gpu_worker.worker import Worker
from shared import lifecycle
from shared.bootstrap import assemble
from shared.contract import Status
from shared.errors import Unavailable
from shared.message import job_message
from shared.records import JobRecord, PulseRecord
from shared.settings import Settings
from shared.system import System
from tests.integration.working import blobs, by_hand, current, named, request
from tests.services import Services

CALLS = 6
"""That a worker makes for a job of two artworks, its keeper apart. A test holds this."""


@pytest.fixture
def chosen(chosen: Settings) -> Settings:
    """No heartbeats within so short a job, and messages that come again soon."""
    return chosen.model_copy(update={"visibility": 0.4, "heartbeat": 30.0})


@pytest.fixture
def services(system: System) -> Services:
    return Services(system, keeper=False)


def worker(services: Services) -> Worker:
    return by_hand(services.system)


def work(hand: Worker, system: System, job: JobRecord) -> JobRecord:
    """Until the job has ended, and its message is gone."""
    give_up = time.monotonic() + 60
    lane = system.lane(job.pool, job.lane)
    while not current(system, job).status.ended or lane.position(job_message(job.id)) is not None:
        assert time.monotonic() < give_up, current(system, job)
        hand.once()
    return current(system, job)


def succeeded(system: System, job: JobRecord) -> bool:
    done = current(system, job)
    return done.status is Status.SUCCEEDED and blobs(system, job) == named(done)


def test_a_job_takes_so_many_calls(system: System, services: Services) -> None:
    job = submit(system, "local", request(count=2))
    work(worker(services), system, job)
    assert services.count == CALLS, services.calls


@pytest.mark.slow
@pytest.mark.parametrize("answered", [True, False], ids=["refused", "unanswered"])
@pytest.mark.parametrize("number", range(CALLS))
def test_whichever_call_fails_the_job_is_made_once(
    system: System, services: Services, number: int, answered: bool
) -> None:
    services.fail_once(number, answered)
    job = submit(system, "local", request(count=2))
    done = work(worker(services), system, job)
    assert succeeded(system, job)
    assert (done.attempt, done.tries, len(done.artworks)) == (1, 1, 2)


@pytest.mark.parametrize("down", ["artworks.put_all", "table.get", "queue.receive", "queue.extend"])
def test_an_outage_uses_up_no_try(system: System, services: Services, down: str) -> None:
    job = submit(system, "local", request(count=2))
    hand = worker(services)
    services.fail_always(down)
    for _ in range(3):
        hand.once()
    services.mend()
    done = work(hand, system, job)
    assert succeeded(system, job)
    assert done.tries == 1


def test_a_table_that_fails_behind_the_start_costs_no_try_either(
    system: System, services: Services
) -> None:
    """The worker holds the job and knows it; nobody is told of anything. It goes on at once, as a
    new attempt: what the first one has stored is looked for in the end."""
    job = submit(system, "local", request())
    hand = worker(services)
    services.before = down_once_held(system, job, services)
    for _ in range(3):
        hand.once()
    assert "artworks.put_all" in services.calls
    held = current(system, job)
    assert (held.attempt, held.tries, held.holder) == (1, 1, hand.name)
    services.mend()
    done = work(hand, system, job)
    assert (done.status, done.attempt, done.tries) == (Status.SUCCEEDED, 2, 1)
    assert done.untidy


def down_once_held(
    system: System, job: JobRecord, services: Services
) -> Callable[[int, str, tuple[Any, ...]], None]:
    def before(_: int, name: str, given: tuple[Any, ...]) -> None:
        if name == "table.put" and current(system, job).holder:
            raise Unavailable("the table is down")

    return before


def test_a_start_whose_answer_is_lost_is_found_to_be_ours_and_not_watched(
    system: System, services: Services
) -> None:
    job = submit(system, "local", request())
    hand = worker(services)
    lost: list[str] = []

    def unanswered(_: int, name: str, given: tuple[Any, ...]) -> None:
        if lost or (name == "table.put" and isinstance(given[0], JobRecord)):
            lost.append(name)
            raise Unavailable("the answer was lost")

    services.after = unanswered
    hand.once()
    assert current(system, job).holder == hand.name
    services.mend()
    services.calls.clear()
    done = work(hand, system, job)
    assert (done.status, done.attempt, done.tries) == (Status.SUCCEEDED, 2, 1)
    assert services.calls.count("queue.extend") == 0  # a watched job's message is kept


def test_trouble_that_outlasts_our_patience_fails_the_job_with_its_code(chosen: Settings) -> None:
    system = assemble(chosen.model_copy(update={"patience": 0.0}))
    services = Services(system)
    job = submit(system, "local", request())
    hand = worker(services)
    services.fail_always("artworks.put_all")
    failed = work(hand, system, job)
    assert failed.status is Status.FAILED
    assert failed.error is not None
    assert failed.error.code == "unavailable"
    assert failed.tries == 1  # the last one; those before it were given back
    assert not blobs(system, job)


def test_services_that_fail_again_and_again_are_asked_ever_less(
    system: System, services: Services
) -> None:
    hand = worker(services)
    services.fail_always("queue.receive")
    begun = time.monotonic()
    while time.monotonic() < begun + 3:
        hand.once()
    assert services.count < 12  # four a second at first, were it for ever
    services.mend()
    hand.once()
    services.fail_always("queue.receive")
    again = time.monotonic()
    hand.once()
    assert time.monotonic() - again < 2  # a success makes up for all that was


def test_sigterm_ends_the_rest_after_a_failure(system: System, services: Services) -> None:
    hand = worker(services)
    hand._rest = 100.0
    hand.drain.ask()
    services.fail_always("queue.receive")
    begun = time.monotonic()
    hand.once()
    assert time.monotonic() - begun < 8


def test_a_pulse_whose_answer_is_lost_does_not_lose_the_job(chosen: Settings) -> None:
    system = assemble(chosen.model_copy(update={"visibility": 1.0, "heartbeat": 0.1}))
    services = Services(system)
    lost: list[PulseRecord] = []

    def unanswered(_: int, name: str, given: tuple[Any, ...]) -> None:
        pulse = given[0] if name == "table.put" else None
        if isinstance(pulse, PulseRecord) and pulse.beat == 3:
            lost.append(pulse)
            raise Unavailable("the answer was lost")

    services.after = unanswered
    job = submit(system, "local", request(params={"seconds": 1.5, "steps": 30}))
    done = work(worker(services), system, job)
    assert lost
    assert (done.status, done.attempt, done.tries) == (Status.SUCCEEDED, 1, 1)
    pulse = system.table.get(PulseRecord, job.id)
    assert pulse is not None
    assert pulse.beat > 3


def test_a_cancel_accepted_while_the_artwork_is_stored_wins_and_leaves_no_blob(
    system: System, services: Services
) -> None:
    job = submit(system, "local", request(count=3))

    def cancel(_: int, name: str, given: tuple[Any, ...]) -> None:
        if name == "artworks.put_all":
            now = system.now()
            lifecycle.apply(
                system.table, current(system, job), lambda job: lifecycle.cancel(job, now)
            )

    services.after = cancel
    canceled = work(worker(services), system, job)
    assert (canceled.status, canceled.artworks) == (Status.CANCELED, ())
    assert not blobs(system, job)


def test_a_job_that_ended_while_its_artwork_was_stored_keeps_no_blob_of_it(
    system: System, services: Services
) -> None:
    job = submit(system, "local", request(finish_within=1))
    late = replace(system, now=lambda: system.now() + timedelta(seconds=60))

    def expire(_: int, name: str, given: tuple[Any, ...]) -> None:
        if name == "artworks.put_all":
            now = late.now()
            lifecycle.apply(
                system.table, current(system, job), lambda job: lifecycle.expire(job, now)
            )

    services.after = expire
    expired = work(worker(services), system, job)
    assert expired.status is Status.EXPIRED
    assert not blobs(system, job)


def test_a_version_that_is_nowhere_is_looked_at_ever_less(
    system: System, services: Services
) -> None:
    job = submit(system, "local", request())
    system.table.put(job.model_copy(update={"model_version": "2"}))
    waits: list[float] = []

    def note(_: int, name: str, given: tuple[Any, ...]) -> None:
        if name == "queue.extend":
            waits.append(given[1])

    services.after = note
    hand = worker(services)
    begun = time.monotonic()
    while time.monotonic() < begun + 6:
        hand.once()
    assert 1 < len(waits) < 10  # at 0.4 s each it would be 15
    assert max(waits) > 0.8
    assert current(system, job).attempt == 0


def test_a_dead_workers_job_whose_version_is_nowhere_can_still_be_canceled(system: System) -> None:
    job = submit(system, "local", request())
    now = system.now()
    held = lifecycle.start(job, "a-dead-worker", now, 3)
    held = system.table.put(held.model_copy(update={"model_version": "2"}))
    lifecycle.apply(system.table, held, lambda job: lifecycle.cancel(job, now))
    done = work(by_hand(system), system, job)
    assert done.status is Status.CANCELED
