"""What an attempt knows of its job between two steps."""

import time

import pytest

from functions.submission import submit
from gpu_worker.drain import Drain
from gpu_worker.estimate import Estimate
from gpu_worker.hold import Hold, Stop
from gpu_worker.model import Interrupted
from shared import lifecycle
from shared.bootstrap import assemble
from shared.contract import JobRequest
from shared.errors import StaleAttempt
from shared.records import JobRecord
from shared.settings import Settings
from shared.system import System

PERIOD = 0.3


@pytest.fixture
def system(chosen: Settings) -> System:
    return assemble(chosen.model_copy(update={"visibility": PERIOD}))


@pytest.fixture
def job(system: System) -> JobRecord:
    waiting = submit(system, "local", JobRequest(model="plain", input={}))
    return system.table.put(lifecycle.start(waiting, "holder", system.now(), 3))


@pytest.fixture
def drain() -> Drain:
    return Drain(60)


@pytest.fixture
def hold(system: System, job: JobRecord, drain: Drain) -> Hold:
    return Hold(system, job, drain, None)


@pytest.mark.parametrize("stop", Stop)
def test_the_first_reason_to_stop_counts(hold: Hold, stop: Stop) -> None:
    hold.end(stop)
    hold.end(Stop.LOST)
    with pytest.raises(Interrupted, match=stop.value):
        hold.step()


def test_what_is_made_is_stored_though_the_worker_drains(hold: Hold) -> None:
    hold.end(Stop.DRAIN)
    hold.check()


@pytest.mark.parametrize("stop", [Stop.LOST, Stop.CANCELED, Stop.OVERDUE])
def test_nothing_is_stored_that_nobody_wants(hold: Hold, stop: Stop) -> None:
    hold.end(stop)
    with pytest.raises(Interrupted):
        hold.check()


def test_after_a_long_sleep_the_table_is_asked_before_anything_is_stored(
    system: System, job: JobRecord, hold: Hold
) -> None:
    system.table.put(lifecycle.start(job, "another", system.now(), 3, lapsed=1))
    hold.check()  # not a word of it was heard yet
    time.sleep(2 * PERIOD)
    with pytest.raises(StaleAttempt):
        hold.check()


def test_a_batch_that_fits_into_the_drain_goes_on_and_no_other(hold: Hold, drain: Drain) -> None:
    drain.ask()
    hold.estimate = Estimate(1.0)
    hold.step()
    hold.estimate = Estimate(1000.0)
    with pytest.raises(Interrupted):
        hold.step()
    assert hold.stop is Stop.DRAIN


def test_a_stop_is_told_once(hold: Hold) -> None:
    told: list[Stop | None] = []
    hold.on_end = lambda: told.append(hold.stop)
    hold.end(Stop.CANCELED)
    hold.end(Stop.LOST)
    assert told == [Stop.CANCELED]
