"""A lasting thread, and what is left to itself."""

from threading import Event, get_ident

import pytest

from gpu_worker.daemon import Daemon


def test_one_thread_does_all_in_turn() -> None:
    daemon = Daemon("test")
    found = [daemon.submit(get_ident).result(30) for _ in range(3)]
    assert len(set(found)) == 1
    assert found[0] != get_ident()
    daemon.close()


def test_what_goes_wrong_is_told_to_who_waits_and_ends_nothing() -> None:
    daemon = Daemon("test")
    with pytest.raises(ZeroDivisionError):
        daemon.submit(lambda: 1 / 0).result(30)
    assert daemon.submit(lambda: "on").result(30) == "on"
    daemon.close()


def test_what_is_abandoned_holds_up_nothing_and_ends_by_itself() -> None:
    daemon, release = Daemon("test"), Event()
    slow = daemon.submit(lambda: release.wait(60))
    daemon.abandon()
    assert daemon.submit(lambda: "next").result(30) == "next"
    assert not slow.done()
    release.set()
    assert slow.result(30)
    daemon.close()
