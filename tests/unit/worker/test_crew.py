"""Lasting threads: as many as have work at the same time."""

from threading import Event, get_ident

import pytest

from gpu_worker.crew import Crew


def test_a_thread_that_has_nothing_to_do_takes_the_next_work() -> None:
    crew = Crew("test")
    first = crew.submit(get_ident).result(30)
    assert first != get_ident()
    found = set()
    for _ in range(50):
        found.add(crew.submit(get_ident).result(30))
    assert len(found) <= 2  # one may not be back yet when the next work comes


def test_what_never_returns_holds_up_nobody() -> None:
    crew, release = Crew("test"), Event()
    slow = [crew.submit(lambda: release.wait(60)) for _ in range(5)]
    assert crew.submit(lambda: "next").result(30) == "next"
    assert not any(future.done() for future in slow)
    release.set()
    assert all(future.result(30) for future in slow)


def test_what_goes_wrong_is_told_to_who_waits_and_ends_nothing() -> None:
    crew = Crew("test")
    with pytest.raises(ZeroDivisionError):
        crew.submit(lambda: 1 / 0).result(30)
    assert crew.submit(lambda: "on").result(30) == "on"
