"""Wake-ups between threads and processes."""

import os
import resource
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.embedded.bell import FALLBACK_SECONDS, TICK_NANOSECONDS, Bell

MANY = 1100
MOST_WAITS = 20
"""Until a thread has rung, on a machine that is busy with other things."""


@pytest.fixture
def crowd() -> Iterator[None]:
    """More open files than `select` can count."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, MANY + 200), hard))
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(MANY)]
    yield
    for descriptor in opened:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_ring_wakes_who_waits(tmp_path: Path) -> None:
    bell = Bell(tmp_path, "test")
    bell.listen()
    threading.Timer(0.1, bell.ring).start()
    assert any(bell.wait(FALLBACK_SECONDS) for _ in range(MOST_WAITS))


def test_a_ring_before_the_wait_is_not_missed(tmp_path: Path) -> None:
    bell = Bell(tmp_path, "test")
    bell.listen()
    bell.ring()
    assert bell.wait(FALLBACK_SECONDS)


def test_a_ring_for_another_subject_wakes_nobody(tmp_path: Path) -> None:
    bell = Bell(tmp_path, "test")
    bell.wait(0, "mine")
    bell.ring("another's")
    assert not bell.wait(0.2, "mine")


def test_who_turns_to_another_subject_hears_of_that_one(tmp_path: Path) -> None:
    bell = Bell(tmp_path, "test")
    bell.wait(0, "first")
    bell.wait(0, "second")
    bell.ring("second")
    assert bell.wait(FALLBACK_SECONDS, "second")


def test_waiting_works_among_very_many_open_files(tmp_path: Path, crowd: None) -> None:
    assert not Bell(tmp_path, "test").wait(0)


def test_who_comes_within_one_tick_of_the_disks_clock_is_heard(tmp_path: Path) -> None:
    """Its pipe leaves no trace in the time of the folder's last change."""
    ringer, comer = Bell(tmp_path, "test"), Bell(tmp_path, "test")
    ringer.listen()
    ringer.ring()
    changed = ringer.folder.stat().st_mtime_ns
    comer.listen()
    os.utime(ringer.folder, ns=(changed, changed))
    ringer.ring()
    assert comer.wait(FALLBACK_SECONDS)


def test_who_comes_after_the_pipes_were_listed_is_heard(tmp_path: Path) -> None:
    ringer, comer = Bell(tmp_path, "test"), Bell(tmp_path, "test")
    ringer.listen()
    time.sleep(2 * TICK_NANOSECONDS / 1e9)
    ringer.ring()
    comer.listen()
    ringer.ring()
    assert comer.wait(FALLBACK_SECONDS)


def test_one_ring_wakes_all_of_several_subjects(tmp_path: Path) -> None:
    first, second = Bell(tmp_path, "test"), Bell(tmp_path, "test")
    first.wait(0, "first")
    second.wait(0, "second")
    first.ring("first", "second")
    assert first.wait(FALLBACK_SECONDS, "first")
    assert second.wait(FALLBACK_SECONDS, "second")


def test_pipes_of_the_dead_are_removed(tmp_path: Path) -> None:
    bell = Bell(tmp_path, "test")
    bell.folder.mkdir(parents=True)
    os.mkfifo(bell.folder / "00000000.1-0")
    bell.ring()
    assert list(bell.folder.iterdir()) == []
