"""The device's share of time is told from two counters, whatever the moment of telling."""

import json
import threading
from typing import Any

import pytest

from gpu_worker import occupancy
from gpu_worker.occupancy import Occupancy


class Clock:
    """The monotonic clock, set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(occupancy, "time", made)
    return made


def told(capsys: pytest.CaptureFixture[str]) -> list[tuple[float, float]]:
    """Seconds of the device and of the worker, line by line."""
    lines: list[dict[str, Any]] = [json.loads(one) for one in capsys.readouterr().out.splitlines()]
    return [(line["DeviceSeconds"][0], line["WorkerSeconds"][0]) for line in lines]


def test_batches_are_summed_up(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    one = Occupancy("atelier")
    for seconds in (5, 10):
        with one.busy():
            clock.now += seconds
        clock.now += 15
    one.report()
    clock.now += 60
    one.report()
    assert told(capsys) == [(15, 45), (0, 60)]


def test_a_long_batch_counts_while_it_runs(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    one = Occupancy("atelier")
    with one.busy():
        clock.now += 60
        one.report()
        clock.now += 10
    clock.now += 50
    one.report()
    assert told(capsys) == [(60, 60), (10, 60)]


def test_a_batch_that_fails_ends_as_well(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    one = Occupancy("atelier")

    def fail() -> None:
        with one.busy():
            clock.now += 5
            raise ValueError("bad")

    with pytest.raises(ValueError, match="bad"):
        fail()
    clock.now += 5
    one.report()
    assert told(capsys) == [(5, 10)]


def test_it_is_told_again_and_again_and_at_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(occupancy, "EVERY_SECONDS", 0.01)
    one, twice = Occupancy("atelier"), threading.Event()
    reports = iter(range(1_000_000))
    report = one.report

    def counted() -> None:
        report()
        if next(reports) == 1:
            twice.set()

    monkeypatch.setattr(one, "report", counted)
    with one.reporting():
        assert twice.wait(60)
    assert len(told(capsys)) >= 3
    assert not [thread for thread in threading.enumerate() if thread.name == "occupancy"]


def test_one_machine_tells_nothing(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    one = Occupancy("")
    clock.now += 60
    one.report()
    assert told(capsys) == []
