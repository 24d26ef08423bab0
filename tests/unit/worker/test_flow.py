"""How much a worker takes at a time, from what its device needs."""

import time
from collections.abc import Callable
from threading import Thread

import pytest

from gpu_worker.flow import CALL, FIRST, MOST, Course, Flow
from shared.bootstrap import assemble
from shared.ports import Letter, Queue
from shared.settings import Settings

VISIBILITY = 60.0
LETTER = Letter(body="", handle="", receives=1, group="")


@pytest.fixture
def queue(chosen: Settings) -> Queue:
    return assemble(chosen).lane("standard", "interactive")


@pytest.fixture
def take(queue: Queue) -> Callable[[Flow], Course]:
    return lambda flow: flow.begin(queue, LETTER)


def practised(take: Callable[[Flow], Course], seconds: float) -> Flow:
    """A flow that knows: a job occupies the device for so long, and is there at once."""
    flow = Flow(VISIBILITY)
    course = take(flow)
    flow.ready(course)
    make(flow, course, seconds)
    flow.stored(1, 0.0)
    flow.end(course)
    return flow


def make(flow: Flow, course: Course, seconds: float) -> None:
    flow.on_device(course, 1, seconds)
    flow.made(course)


def test_little_is_taken_of_what_nothing_is_known() -> None:
    assert Flow(VISIBILITY).room() == FIRST


def test_of_short_jobs_a_call_is_to_bring_as_many_as_it_can(take: Callable[[Flow], Course]) -> None:
    flow = practised(take, 0.001)
    flow.batch = 8
    taken = [take(flow) for _ in range(flow.room())]
    assert CALL < len(taken) <= MOST
    for course in taken[: CALL // 2]:
        make(flow, course, 0.001)
    assert flow.room() == 0
    for course in taken[CALL // 2 :]:
        make(flow, course, 0.001)
    assert flow.room() >= CALL


def test_of_long_jobs_each_is_worth_a_call_and_few_wait(take: Callable[[Flow], Course]) -> None:
    flow = practised(take, 3.0)
    taken = [take(flow) for _ in range(flow.room())]
    assert 2 <= len(taken) <= 4
    make(flow, taken[0], 3.0)
    assert flow.room() == 1


def test_no_more_is_taken_than_can_be_made_within_half_a_visibility(
    take: Callable[[Flow], Course],
) -> None:
    flow = practised(take, VISIBILITY / 4)
    flow.batch = 8
    assert flow.room() == 1 + 2


def test_the_device_rests_while_too_much_is_on_its_way_to_the_store(
    take: Callable[[Flow], Course],
) -> None:
    flow = practised(take, 3.0)
    course = take(flow)
    flow.on_device(course, 2, 6.0)
    going_on = Thread(target=flow.wait_for_stores, daemon=True)
    going_on.start()
    time.sleep(0.2)
    assert going_on.is_alive()
    flow.stored(1, 0.0)
    going_on.join(60)
    assert not going_on.is_alive()


def test_room_is_told_when_there_is_some(
    take: Callable[[Flow], Course], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpu_worker.flow.TICK_SECONDS", 600.0)
    flow = practised(take, 3.0)
    taken = [take(flow) for _ in range(flow.room())]
    waiting = Thread(target=flow.wait_for_room, daemon=True)
    waiting.start()
    time.sleep(0.2)
    assert waiting.is_alive()
    make(flow, taken[0], 3.0)
    waiting.join(60)
    assert not waiting.is_alive()


def test_one_that_is_to_be_alone_waits_for_the_others_and_keeps_new_ones_out(
    take: Callable[[Flow], Course],
) -> None:
    flow = practised(take, 0.001)
    other, lone = take(flow), take(flow)
    checks = 0

    def check() -> None:
        nonlocal checks
        checks += 1
        if checks == 2:
            flow.end(other)

    with flow.alone(lone, check):
        assert checks >= 2
        assert flow.room() == 0
    assert flow.room() > 0
