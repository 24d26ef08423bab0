"""One slow receiver holds up no other: a host has so many calls, and fewer when it hangs."""

import time
from contextlib import ExitStack
from threading import Event, Thread

import pytest

from functions.receivers import (
    CROWDED_SECONDS,
    FIRST_PAUSE,
    LAST_PAUSE,
    MOST_HOSTS,
    MOST_WAITING,
    PAUSE_AFTER,
    PER_HOST,
    PER_TENANT,
    Busy,
    Receivers,
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def receivers(clock: Clock) -> Receivers:
    return Receivers(clock, patience=0)


def time_out(receivers: Receivers, host: str = "slow") -> None:
    with receivers.call("ann", host) as call:
        call.timed_out = True


def test_a_host_is_called_by_so_many_at_a_time_and_others_are_not_affected(
    receivers: Receivers,
) -> None:
    with ExitStack() as calls:
        for _ in range(PER_HOST):
            calls.enter_context(receivers.call("ann", "slow"))
        with pytest.raises(Busy) as busy, receivers.call("bob", "slow"):
            pass
        assert CROWDED_SECONDS <= busy.value.seconds <= 2 * CROWDED_SECONDS
        with receivers.call("ann", "quick"):
            pass
    with receivers.call("bob", "slow"):
        pass


def test_where_calls_end_others_wait_for_their_place_and_where_none_does_nobody_waits() -> None:
    receivers, ended = Receivers(patience=30), Event()

    def quick() -> None:
        with receivers.call("ann", "quick"):
            ended.wait(0.05)

    threads = [Thread(target=quick) for _ in range(PER_HOST + MOST_WAITING)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert receivers._hosts["quick"].calls == receivers._hosts["quick"].waiting == 0
    impatient = Receivers(patience=0.05)
    with ExitStack() as calls:
        for _ in range(PER_HOST):
            calls.enter_context(impatient.call("ann", "slow"))
        ended.wait(0.1)
        begun = time.monotonic()
        for _ in range(100):
            with pytest.raises(Busy), impatient.call("ann", "slow"):
                pass
        assert time.monotonic() - begun < 4  # 100 that waited would take five seconds


def test_a_tenant_with_many_slow_hosts_leaves_room_for_others(receivers: Receivers) -> None:
    with ExitStack() as calls:
        for number in range(PER_TENANT):
            calls.enter_context(receivers.call("ann", f"host-{number}"))
        with pytest.raises(Busy), receivers.call("ann", "one more"):
            pass
        with receivers.call("bob", "one more"):
            pass


def test_a_host_that_times_out_again_and_again_is_left_alone_longer_and_longer(
    receivers: Receivers, clock: Clock
) -> None:
    for _ in range(PAUSE_AFTER):
        time_out(receivers)
    pauses = []
    for _ in range(10):
        with pytest.raises(Busy), receivers.call("ann", "slow"):
            pass
        pauses.append(receivers._hosts["slow"].paused_until - clock.now)
        clock.now += pauses[-1]
        time_out(receivers)
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pauses[-1] == LAST_PAUSE


def test_after_a_pause_one_call_finds_out_and_an_answer_ends_it(
    receivers: Receivers, clock: Clock
) -> None:
    for _ in range(PAUSE_AFTER):
        time_out(receivers)
    clock.now += FIRST_PAUSE
    with receivers.call("ann", "slow"), pytest.raises(Busy), receivers.call("ann", "slow"):
        pass
    with receivers.call("ann", "slow"), receivers.call("ann", "slow"):
        pass


def test_an_error_is_no_timeout_and_frees_its_place(receivers: Receivers) -> None:
    for _ in range(PER_HOST + PAUSE_AFTER):
        with pytest.raises(ValueError, match="bug"), receivers.call("ann", "host"):
            raise ValueError("bug")
    with receivers.call("ann", "host"):
        pass


def test_hosts_that_nobody_calls_are_forgotten(receivers: Receivers) -> None:
    with receivers.call("ann", "kept"):
        for number in range(2 * MOST_HOSTS):
            with receivers.call("ann", f"host-{number}"):
                pass
        assert len(receivers._hosts) <= MOST_HOSTS
        assert receivers._hosts["kept"].calls == 1
