"""Keeping many jobs at once: few calls, a sign of life in time, and no job that suffers from
another."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import pytest

from functions.submission import submit
from gpu_worker.drain import Drain
from gpu_worker.hold import Hold, Stop
from gpu_worker.keeper import Keeper
from gpu_worker.watch import Watch
from shared import lifecycle
from shared.bootstrap import assemble
from shared.contract import JobRequest
from shared.ports import Letter, Queue
from shared.records import JobRecord, PulseRecord
from shared.settings import Settings
from shared.system import System
from tests.services import Services

JOBS = 5
PERIOD = 4.0
BEAT = 0.1
TOGETHER = {"table.get_many", "queue.extend_all"}


@pytest.fixture
def period() -> float:
    return PERIOD


@pytest.fixture
def system(chosen: Settings, period: float) -> System:
    return assemble(chosen.model_copy(update={"visibility": period, "heartbeat": BEAT}))


@pytest.fixture
def services(system: System) -> Services:
    return Services(system)


@pytest.fixture
def kept(services: Services) -> Iterator[list[Hold]]:
    """Jobs that wait for the device."""
    system, lane = services.system, services.system.lane("standard", "interactive")
    jobs = [submit(system, "local", JobRequest(model="plain", input={})) for _ in range(JOBS)]
    keeper = Keeper(system, Drain(60))
    with ExitStack() as keeping:
        yield [keep(system, keeper, job, lane, keeping) for job in jobs]


def keep(system: System, keeper: Keeper, job: JobRecord, lane: Queue, keeping: ExitStack) -> Hold:
    (letter,) = lane.receive(1, PERIOD)
    started = system.table.put(lifecycle.start(job, "holder", system.now(), 3))
    hold = Hold(system, started, Drain(60), None)
    keeping.callback(keeper.let_go, keeper.keep(hold, lane, letter))
    return hold


def pass_until(reached: Callable[[], Any], seconds: float = 30.0) -> None:
    give_up = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def beats(system: System, hold: Hold) -> int:
    pulse = system.table.get(PulseRecord, hold.job.id)
    return pulse.beat if pulse else 0


def test_all_are_looked_at_and_extended_by_one_call(services: Services, kept: list[Hold]) -> None:
    asked: dict[str, int] = {}

    def note(_: int, name: str, given: tuple[Any, ...]) -> None:
        if name in TOGETHER:
            asked[name] = max(len(given[-1]), asked.get(name, 0))

    services.before = note
    pass_until(lambda: asked == dict.fromkeys(TOGETHER, JOBS))


@pytest.mark.slow
def test_a_job_that_waits_gives_few_signs_of_life_and_none_too_few(
    system: System, kept: list[Hold]
) -> None:
    watch = Watch(system)
    lane = system.lane("standard", "interactive")
    for hold in kept:
        watch.look(hold.job, lane, Letter("", "0.stale", 1, "local"))
    give_up = time.monotonic() + 2 * PERIOD
    while time.monotonic() < give_up:
        assert watch.due() is None
        time.sleep(0.05)
    counts = [beats(system, hold) for hold in kept]
    assert all(3 <= count <= 10 for count in counts), counts  # at every heartbeat it would be 80
    assert lane.receive(10, PERIOD) == []


def test_what_is_new_is_told_at_the_next_heartbeat(system: System, kept: list[Hold]) -> None:
    pass_until(lambda: beats(system, kept[0]))
    kept[0].reach(0.5)
    begun = beats(system, kept[0])
    pass_until(lambda: beats(system, kept[0]) > begun)
    pulse = system.table.get(PulseRecord, kept[0].job.id)
    assert pulse is not None
    assert pulse.progress == 0.5


def test_a_job_that_is_canceled_or_gone_concerns_itself_only(
    system: System, kept: list[Hold]
) -> None:
    canceled, gone, *others = kept
    system.table.put(lifecycle.cancel(canceled.job, system.now()))
    system.table.delete(gone.job)
    pass_until(lambda: canceled.stop and gone.stop)
    assert (canceled.stop, gone.stop) == (Stop.CANCELED, Stop.LOST)
    assert {hold.stop for hold in others} == {None}


@pytest.mark.parametrize("period", [12.0])
def test_a_message_that_could_not_be_extended_is_again_and_soon(
    services: Services, kept: list[Hold], monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = services.system.lane("standard", "interactive")
    asked: list[list[Letter]] = []
    real = type(lane._port).extend_all  # type: ignore[attr-defined]

    def fail_for_one(queue: Any, seconds: Mapping[Letter, float]) -> list[Letter]:
        asked.append(list(seconds))
        if len(asked) > 1:
            return list(real(queue, seconds))
        failed = next(iter(seconds))
        real(queue, {letter: held for letter, held in seconds.items() if letter != failed})
        return [failed]

    monkeypatch.setattr(type(lane._port), "extend_all", fail_for_one)  # type: ignore[attr-defined]
    pass_until(lambda: len(asked) == 2)
    assert asked[1] == asked[0][:1]  # the others have much time left


def test_an_outage_is_outlived(services: Services, kept: list[Hold]) -> None:
    begun = services.count
    services.fail_always(*TOGETHER, "table.put")
    pass_until(lambda: {*TOGETHER, "table.put"} <= set(services.calls[begun:]))
    services.mend()
    pass_until(lambda: all(beats(services.system, hold) for hold in kept))
    assert {hold.stop for hold in kept} == {None}


def test_one_record_that_cannot_be_read_hides_no_cancel_of_another(
    services: Services, kept: list[Hold]
) -> None:
    odd, canceled, *_ = kept

    def unreadable(_: int, name: str, given: tuple[Any, ...]) -> None:
        if name == "table.get_many" and odd.job.id in given[1]:
            raise ValueError("a record of another version")

    services.after = unreadable
    services.system.table.put(lifecycle.cancel(canceled.job, services.system.now()))
    pass_until(lambda: canceled.stop)
    assert (canceled.stop, odd.stop) == (Stop.CANCELED, None)
