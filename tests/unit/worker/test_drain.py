"""SIGTERM, as the worker sees it."""

import os
import signal
import time
from collections.abc import Iterator
from math import inf
from threading import Timer

import pytest

from gpu_worker.drain import Drain


@pytest.fixture
def drain() -> Iterator[Drain]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    listening = Drain(50)
    listening.listen()
    yield listening
    for number, handler in before.items():
        signal.signal(number, handler)


def test_there_is_all_the_time_in_the_world_until_somebody_asks(drain: Drain) -> None:
    assert not drain.asked
    assert drain.left == inf


def test_a_signal_leaves_some_seconds_and_a_second_one_changes_nothing(drain: Drain) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    first = drain.left
    os.kill(os.getpid(), signal.SIGINT)
    assert drain.asked
    assert drain.left <= first <= 50


def test_a_signal_wakes_who_waits_now_and_ever_after(drain: Drain) -> None:
    Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
    begun = time.monotonic()
    drain.wait(60)
    drain.wait(60)
    assert time.monotonic() - begun < 30


def test_without_a_signal_the_wait_has_an_end(drain: Drain) -> None:
    begun = time.monotonic()
    drain.wait(0.2)
    assert time.monotonic() - begun >= 0.2
