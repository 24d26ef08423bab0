"""A tenant submits so many jobs a minute, through however many processes; the others go on."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest

from functions.api.throttle import Throttle, throttle
from shared.errors import TooManyRequests
from shared.records import BucketRecord
from tests.services import Services
from tests.unit.functions.stage import Stage

A_MINUTE = 60


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage.at(tmp_path)


def taken(stage: Stage, one: Throttle, most: int, tenant: str = "ann") -> int:
    """How many of so many submissions pass."""
    for count in range(most):
        try:
            one.take(stage.system, tenant)
        except TooManyRequests:
            return count
    return most


def test_after_a_minutes_worth_it_is_refused_and_told_when_to_come_again(stage: Stage) -> None:
    one = Throttle(A_MINUTE)
    assert taken(stage, one, 100) == A_MINUTE
    with pytest.raises(TooManyRequests) as refused:
        one.take(stage.system, "ann")
    assert (refused.value.retry_after, refused.value.retryable) == (1, True)
    stage.clock.pass_by(seconds=refused.value.retry_after)
    assert taken(stage, one, 100) == 1


def test_a_rest_fills_the_bucket_and_no_more(stage: Stage) -> None:
    one = Throttle(A_MINUTE)
    assert taken(stage, one, 100) == A_MINUTE
    stage.clock.pass_by(seconds=30)
    assert taken(stage, one, 100) == A_MINUTE / 2
    stage.clock.pass_by(hours=1)
    assert taken(stage, one, 100) == A_MINUTE


def test_another_tenant_has_a_bucket_of_its_own(stage: Stage) -> None:
    one = Throttle(A_MINUTE)
    assert taken(stage, one, 100) == A_MINUTE
    assert taken(stage, one, 100, "bob") == A_MINUTE


def test_processes_that_draw_at_once_give_out_no_token_twice(stage: Stage) -> None:
    processes = [Throttle(A_MINUTE) for _ in range(8)]
    with ThreadPoolExecutor(len(processes)) as threads:
        passed = list(threads.map(lambda one: taken(stage, one, 100), processes))
    assert sum(passed) == A_MINUTE
    assert len([one for one in passed if one]) > 1


def test_who_draws_holds_up_no_transaction_that_counts_a_submission_too(stage: Stage) -> None:
    """The front answers several submissions in one transaction, others draw beside it."""
    one, begun = Throttle(A_MINUTE), Event()

    def several() -> None:
        one.take(stage.system, "ann")
        begun.set()
        beside.join(0.5)  # it waits for this transaction
        one.take(stage.system, "ann")

    beside = Thread(target=lambda: begun.wait() and one.take(stage.system, "ann"), daemon=True)
    scribe = Thread(target=lambda: stage.system.together(several), daemon=True)
    for thread in (beside, scribe):
        thread.start()
    for thread in (scribe, beside):
        thread.join(10)
        assert not thread.is_alive()


def test_a_flood_costs_few_calls(stage: Stage) -> None:
    """A draw each second at most; who is refused asks the table nothing."""
    services = Services(stage.system)
    one, calls = Throttle(1200), list[str]()
    services.before = lambda _, name, __: calls.append(name)
    watched = replace(stage, system=services.system)
    assert taken(watched, one, 1200) == 1200
    assert taken(watched, one, 1) == 0
    asked = len(calls)
    for _ in range(1000):
        assert taken(watched, one, 1) == 0
    assert len(calls) == asked <= 2 * 61


def test_a_clock_that_goes_back_takes_nothing_away(stage: Stage) -> None:
    assert taken(stage, Throttle(A_MINUTE), 30) == 30
    stage.clock.pass_by(seconds=-20)
    assert taken(stage, Throttle(A_MINUTE), 100) == 30
    stage.clock.pass_by(seconds=20)
    assert taken(stage, Throttle(A_MINUTE), 100) == 0


def test_a_laptop_counts_nothing(stage: Stage) -> None:
    for _ in range(1000):
        throttle(stage.system, "ann")
    assert stage.system.table.get(BucketRecord, "bucket#ann") is None
