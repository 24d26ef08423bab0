"""Watching a holder: only a counter that stands still for a whole period says that it is dead."""

import time

import pytest

from functions.submission import submit
from gpu_worker.pulse import Pulse
from gpu_worker.watch import Lapsed, Watch
from shared import lifecycle
from shared.bootstrap import assemble
from shared.contract import JobRequest
from shared.errors import StaleAttempt
from shared.lifecycle import Lease
from shared.message import job_message
from shared.ports import Letter, Queue
from shared.records import JobRecord, PulseRecord
from shared.settings import Settings
from shared.system import System

PERIOD = 0.9


@pytest.fixture
def system(chosen: Settings) -> System:
    return assemble(chosen.model_copy(update={"visibility": PERIOD}))


@pytest.fixture
def held(system: System) -> JobRecord:
    job = submit(system, "local", JobRequest(model="plain", input={}))
    return system.table.put(lifecycle.start(job, "holder", system.now(), 3))


def receive(system: System) -> tuple[Queue, Letter]:
    lane = system.lane("standard", "interactive")
    return lane, lane.receive(1, PERIOD)[0]


def wait_for(watch: Watch, seconds: float) -> Lapsed | None:
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        lapsed = watch.due()
        if lapsed:
            return lapsed
        time.sleep(0.02)
    return None


def test_a_holder_without_a_sign_has_lapsed_after_a_period(system: System, held: JobRecord) -> None:
    watch = Watch(system)
    begun = time.monotonic()
    watch.look(held, *receive(system))
    lapsed = wait_for(watch, 30)
    assert lapsed
    assert lapsed[0].attempt == held.attempt
    assert time.monotonic() - begun >= PERIOD


def test_a_holder_that_beats_is_let_alone_and_its_message_kept(
    system: System, held: JobRecord
) -> None:
    watch, pulse = Watch(system), Pulse(system.table, held.id, Lease("holder", 1))
    watch.look(held, *receive(system))
    for _ in range(8):
        pulse.beat(0.5, "generating")
        assert wait_for(watch, PERIOD / 2) is None
    assert not system.lane("standard", "interactive").receive(1, PERIOD)
    assert wait_for(watch, 30)  # now it is dead


def test_duplicates_of_the_message_do_not_begin_the_watch_anew(
    system: System, held: JobRecord
) -> None:
    watch = Watch(system)
    watch.look(held, *receive(system))
    begun = time.monotonic()
    while not watch.due():
        assert time.monotonic() - begun < 30
        system.lane("standard", "interactive").send(job_message(held.id), "local")
        letters = system.lane("standard", "interactive").receive(1, PERIOD)
        if letters:
            watch.look(held, system.lane("standard", "interactive"), letters[0])


def test_a_job_that_is_free_is_left_to_its_message(system: System, held: JobRecord) -> None:
    watch = Watch(system)
    watch.look(held, *receive(system))
    system.table.put(lifecycle.hand_back(held, Lease("holder", 1), system.now()))
    assert wait_for(watch, PERIOD) is None
    assert receive(system)


def test_a_watcher_that_leaves_leaves_its_messages(system: System, held: JobRecord) -> None:
    watch = Watch(system)
    watch.look(held, *receive(system))
    watch.leave()
    assert receive(system)


def test_a_later_attempts_pulse_is_not_written_over(system: System, held: JobRecord) -> None:
    Pulse(system.table, held.id, Lease("other", 2)).beat(0.1, "generating")
    with pytest.raises(StaleAttempt):
        Pulse(system.table, held.id, Lease("holder", 1)).beat(0.9, "generating")
    pulse = system.table.get(PulseRecord, held.id)
    assert pulse is not None
    assert (pulse.attempt, pulse.beat) == (2, 1)
