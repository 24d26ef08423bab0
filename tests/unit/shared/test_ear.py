"""One ear for many subjects."""

import select
from pathlib import Path

import pytest

from shared.embedded.bell import READ_BYTES, Bell, marked
from shared.embedded.ear import Ear


@pytest.fixture
def bell(tmp_path: Path) -> Bell:
    return Bell(tmp_path, "test")


def readable(ear: Ear) -> bool:
    poll = select.poll()
    poll.register(ear.descriptor, select.POLLIN)
    return bool(poll.poll(0))


def test_it_tells_which_of_its_subjects_were_rung(bell: Bell) -> None:
    ear = Ear(bell)
    for subject in ("a", "b", "c"):
        ear.turn_to(marked(subject))
    assert not readable(ear)
    for subject in ("a", "other", "c", "a"):
        bell.ring(subject)
    assert readable(ear)
    assert ear.heard() == {marked("a"), marked("c")}
    assert ear.heard() == set()


def test_it_hears_no_more_of_what_it_turned_from(bell: Bell) -> None:
    ear = Ear(bell)
    ear.turn_to(marked("a"))
    ear.turn_from(marked("a"))
    bell.ring("a")
    assert not readable(ear)


def test_each_ear_hears_for_itself_and_so_do_threads_that_wait(bell: Bell) -> None:
    one, other = Ear(bell), Ear(bell)
    bell.wait(0, "a")
    for ear in (one, other):
        ear.turn_to(marked("a"))
    bell.ring("a")
    bell.wait(60, "a")
    assert one.heard() == other.heard() == {marked("a")}


def test_rings_without_end_are_heard_whole(bell: Bell) -> None:
    ear = Ear(bell)
    ear.turn_to(marked("a"))
    for _ in range(3 * READ_BYTES):
        bell.ring("a")
    while heard := ear.heard():
        assert heard == {marked("a")}


def test_what_an_ear_of_a_dead_process_left_is_removed(bell: Bell) -> None:
    bell.folder.mkdir(parents=True)
    left = bell.folder / f".{2**22 + 1}-ear0"
    left.touch()
    kept = Ear(bell)
    assert not left.exists()
    assert len(list(bell.folder.iterdir())) == 1
    del kept
    assert not list(bell.folder.iterdir())
