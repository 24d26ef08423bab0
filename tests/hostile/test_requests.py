"""Whatever a front is sent, it answers with a code, lives on, and serves the others meanwhile."""

import time
from collections.abc import Iterator

import pytest

from tests.hostile.attack import Machine, machine
from tests.hostile.slow import crowd, waits

SAMPLE, MANY = 320, 5000
MORE_MEGABYTES = 100
OF_EACH = 50
GIVE_UP_SECONDS = 150


@pytest.fixture(scope="module")
def target() -> Iterator[Machine]:
    with machine() as started:
        yield started


def attack(target: Machine, seed: int, count: int) -> None:
    report = target.attack(seed, count)
    assert not report.wrong, "\n".join(report.wrong[:20])
    assert sum(report.counts.values()) >= count
    before, after = report.megabytes
    assert after - before < MORE_MEGABYTES, report.megabytes


def test_a_sample_of_hostile_requests(target: Machine) -> None:
    attack(target, seed=1, count=SAMPLE)


@pytest.mark.slow
def test_thousands_of_hostile_requests(target: Machine) -> None:
    attack(target, seed=2, count=MANY)


@pytest.mark.slow
def test_slow_clients_stop_nobody_and_are_let_go_in_the_end(target: Machine) -> None:
    place = target.place()
    with crowd(target.address, place, OF_EACH):
        found = waits(target.address, place, 100)
        assert target.connections() > OF_EACH
        assert found[50] < 10.0, found
        give_up = time.monotonic() + GIVE_UP_SECONDS
        while target.connections() and time.monotonic() < give_up:
            time.sleep(0.5)
        assert not target.connections()
