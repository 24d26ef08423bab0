"""Workers that were stopped, or die, wherever that happens: nothing moves, nothing is left."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from threading import Event, Thread
from typing import Any

import pytest

from functions.submission import submit
from gpu_worker.worker import Worker
from shared import lifecycle
from shared.bootstrap import assemble
from shared.contract import Status
from shared.message import job_message
from shared.records import JobRecord
from shared.settings import Settings
from shared.system import System
from tests.integration.working import (
    Process,
    blobs,
    by_hand,
    current,
    named,
    request,
    stop,
    until,
    until_ended,
    working,
)
from tests.services import Services

pytestmark = pytest.mark.slow

RESTLESS = {"seconds": 0.6, "steps": 12}
"""Two attempts never make the same picture: what a zombie stored is seen by its key."""
CALLS = 22
"""More than such a job takes, looks and pulses among them; those behind its last are called off."""


@pytest.fixture
def brisk(chosen: Settings) -> Settings:
    return chosen.model_copy(update={"visibility": 0.5, "heartbeat": 0.05})


class Coma:
    """Puts a worker to sleep at one of its calls, with all its threads, until `wake`."""

    def __init__(self, services: Services, number: int) -> None:
        self.begun, self._end = Event(), Event()
        self._number = number
        services.before = self._pass

    def wake(self) -> None:
        self._end.set()

    def _pass(self, number: int, _: str, given: tuple[Any, ...]) -> None:
        if number == self._number:
            self.begun.set()
        if self.begun.is_set():
            assert self._end.wait(120)


@pytest.mark.parametrize("number", range(1, CALLS))
def test_a_zombie_may_wake_at_any_call(brisk: Settings, number: int) -> None:
    system = assemble(brisk)
    job = submit(system, "local", request("restless", count=2, params=RESTLESS))
    services = Services(assemble(brisk))
    coma = Coma(services, number)
    zombie = by_hand(services.system)
    life = Thread(target=until_it_has_ended, args=(zombie, system, job), daemon=True)
    life.start()
    while not coma.begun.wait(0.05):
        if current(system, job).status.ended:
            return  # so many calls are not made
    done = taken_over(system, job)
    coma.wake()
    life.join(60)
    assert not life.is_alive()
    assert (done.status, [made.index for made in done.artworks]) == (Status.SUCCEEDED, [0, 1])
    assert current(system, job) == done
    assert blobs(system, job) == named(done)


def taken_over(system: System, job: JobRecord) -> JobRecord:
    """Another worker goes on until the job has ended."""
    other = by_hand(system)
    until_it_has_ended(other, system, job)
    return current(system, job)


def until_it_has_ended(hand: Worker, system: System, job: JobRecord) -> None:
    give_up = time.monotonic() + 60
    while not current(system, job).status.ended:
        assert time.monotonic() < give_up
        hand.once()


def test_a_zombie_leaves_nothing_and_goes_on_to_other_work(
    system: System, chosen: Settings
) -> None:
    assert chosen.data is not None
    job = submit(system, "local", request("restless", params={"seconds": 3, "steps": 60}))
    with working(chosen) as zombie:
        taken = until(system, job, lambda job: job.status is Status.RUNNING)
        stop(zombie, chosen.data)
        with working(chosen):
            done = until_ended(system, job)
        assert (done.status, done.attempt) == (Status.SUCCEEDED, 2)
        zombie.send_signal(signal.SIGCONT)
        another = submit(system, "local", request(params={"seconds": 1, "steps": 20}))
        until(system, another, lambda job: job.holder == taken.holder)
        assert until_ended(system, another).status is Status.SUCCEEDED
    assert current(system, job) == done
    assert blobs(system, job) == named(done)


# --- Death ----------------------------------------------------------------------------------------


@pytest.fixture
def fleet(chosen: Settings) -> Iterator["Fleet"]:
    with ExitStack() as at_end:
        yield Fleet(chosen, at_end)


class Fleet:
    """Workers that are started again when they die, as a supervisor does."""

    def __init__(self, chosen: Settings, at_end: ExitStack, size: int = 2) -> None:
        self.chosen, self._at_end = chosen, at_end
        self.workers = [self._start() for _ in range(size)]
        self.deaths = 0
        self.most_dead = 0

    def look_after(self) -> None:
        dead = [worker for worker in self.workers if worker.poll() is not None]
        self.deaths += len(dead)
        self.most_dead = max(self.most_dead, len(dead))
        for worker in dead:
            self.workers[self.workers.index(worker)] = self._start()

    def _start(self) -> Process:
        return self._at_end.enter_context(working(self.chosen))


def test_a_deadly_job_kills_one_worker_at_a_time_and_holds_up_nobody(
    system: System, chosen: Settings, fleet: Fleet
) -> None:
    deadly = submit(system, "local", request("deadly"))
    for _ in range(3):  # its message, delivered more than once
        system.lane("standard", "interactive").send(job_message(deadly.id), "local")
    plain = [submit(system, "local", request()) for _ in range(10)]
    give_up = time.monotonic() + 120
    jobs = [deadly, *plain]
    while not all(current(system, job).status.ended for job in jobs):
        assert time.monotonic() < give_up
        fleet.look_after()
        time.sleep(0.05)
    fleet.look_after()
    failed = current(system, deadly)
    assert failed.error is not None
    assert (failed.status, failed.error.code) == (Status.FAILED, "attempts_exhausted")
    assert fleet.deaths == chosen.max_tries
    assert fleet.most_dead == 1
    assert {current(system, job).status for job in plain} == {Status.SUCCEEDED}


def test_a_lost_attempt_is_found_within_one_period_and_a_few_beats(
    system: System, chosen: Settings
) -> None:
    """Remaining visibility and then a period of watching would be two."""
    patient = chosen.model_copy(update={"visibility": 8.0})
    job = submit(assemble(patient), "local", request(params={"seconds": 60, "steps": 600}))
    with working(patient) as victim:
        until(system, job, lambda job: job.status is Status.RUNNING)
        time.sleep(2)  # some beats
        with working(patient):
            time.sleep(3)  # it is ready
            victim.kill()
            begun = time.monotonic()
            until(system, job, lambda job: job.attempt == 2)
            assert time.monotonic() - begun < 14


def test_a_job_that_was_handed_over_is_found_though_its_message_was_watched(
    system: System, chosen: Settings
) -> None:
    """The holder's own handle was stale: the watcher has the message, and sees the job is free."""
    patient = chosen.model_copy(update={"visibility": 3.0})
    watched = assemble(patient)
    job = submit(watched, "local", request())
    now = system.now()
    held = system.table.put(lifecycle.start(job, "another", now, 3))
    hand = by_hand(watched)
    hand.once()
    system.table.put(lifecycle.hand_back(held, lifecycle.Lease("another", 1), now))
    until_it_has_ended(hand, watched, job)
    done = current(system, job)
    assert (done.status, done.attempt, done.tries) == (Status.SUCCEEDED, 2, 1)
