"""What stops a worker's attempt, and how soon: cancels, deadlines, SIGTERM, models that hang."""

import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from functions.submission import submit
from gpu_worker.keeper import STALLED
from shared import lifecycle
from shared.bootstrap import assemble
from shared.contract import Status
from shared.records import JobRecord
from shared.settings import Settings
from shared.system import System
from tests.conftest import OWN_MODELS, catalogue_of
from tests.integration.working import (
    blobs,
    current,
    named,
    request,
    stop,
    until,
    until_ended,
    working,
)

MODELS = (*OWN_MODELS, "tests.difficult_models")
ENDLESS = {"seconds": 3600.0, "steps": 360_000}
DEAF = {"seconds": 3600.0, "steps": 1, "deaf": True}


@pytest.fixture(scope="session")
def catalogue_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return catalogue_of(MODELS, tmp_path_factory.mktemp("catalogue"))


@pytest.fixture
def chosen(chosen: Settings) -> Settings:
    """Heartbeats so rare that nothing here can wait for one."""
    slow = {"models": MODELS, "heartbeat": 60.0, "visibility": 200.0}
    return chosen.model_copy(update=slow)


def running(system: System, job: JobRecord) -> JobRecord:
    return until(system, job, lambda job: job.status is Status.RUNNING)


def generating(system: System, job: JobRecord, tally: Path) -> JobRecord:
    """The job once its model has made a step, or anything at all."""
    return until(system, job, lambda _: tally.exists())


def cancel(system: System, job: JobRecord) -> None:
    now = system.now()
    lifecycle.apply(system.table, current(system, job), lambda job: lifecycle.cancel(job, now))


def test_a_cancel_is_heard_between_two_heartbeats(
    system: System, chosen: Settings, tmp_path: Path
) -> None:
    tally = tmp_path / "tally"
    job = submit(system, "local", request("stubborn", params={**ENDLESS, "tally": str(tally)}))
    with working(chosen):
        generating(system, job, tally)
        cancel(system, job)
        canceled = until_ended(system, job, 30)
        steps = tally.stat().st_size
        time.sleep(1)
        assert tally.stat().st_size == steps
    assert (canceled.status, canceled.artworks) == (Status.CANCELED, ())


@pytest.mark.slow
def test_a_deadline_is_kept_between_two_heartbeats(
    system: System, chosen: Settings, tmp_path: Path
) -> None:
    tally = tmp_path / "tally"
    params = {**ENDLESS, "tally": str(tally)}
    with working(chosen):
        job = submit(system, "local", request("stubborn", params=params, finish_within=6))
        expired = until_ended(system, job, 40)
        steps = tally.stat().st_size
        time.sleep(1)
        assert tally.stat().st_size == steps
    assert (expired.status, expired.attempt) == (Status.EXPIRED, 1)


def test_a_cancel_does_not_wait_for_the_decoder(system: System, chosen: Settings) -> None:
    job = submit(system, "local", request("stubborn", params={"preparing": 3600.0}))
    after = submit(system, "local", request())
    with working(chosen):
        running(system, job)
        cancel(system, job)
        assert until_ended(system, job, 30).status is Status.CANCELED
        assert until_ended(system, after, 30).status is Status.SUCCEEDED


@pytest.fixture
def dripping() -> Iterator[str]:
    """The URL of a server that sends a byte a second."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
                try:
                    while True:
                        connection.sendall(b".")
                        time.sleep(1)
                except OSError:
                    return

        Thread(target=drip, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/picture.png"


@pytest.mark.slow
def test_neither_a_cancel_nor_sigterm_waits_for_a_slow_server(
    chosen: Settings, dripping: str
) -> None:
    allowed = Settings.model_validate(
        chosen.model_dump(exclude_defaults=True) | {"allow_networks": ["127.0.0.0/8"]}
    )
    system = assemble(allowed)
    job = submit(system, "local", request(input={"image": {"url": dripping}}))
    with working(allowed) as process:
        running(system, job)
        time.sleep(1)
        cancel(system, job)
        assert until_ended(system, job, 30).status is Status.CANCELED
        process.send_signal(signal.SIGTERM)  # while the fetch goes on
        assert process.wait(30) == 0


# --- SIGTERM --------------------------------------------------------------------------------------


def given_back(system: System, job: JobRecord) -> bool:
    back = current(system, job)
    waits = system.lane(job.pool, job.lane).depth() == 1
    return (back.status, back.holder, back.tries, waits) == (Status.RUNNING, None, 0, True)


@pytest.mark.slow
def test_what_does_not_fit_is_handed_back_at_once_and_made_by_another(
    system: System, chosen: Settings, tmp_path: Path
) -> None:
    tally, hurry = tmp_path / "tally", tmp_path / "hurry"
    params = {**ENDLESS, "steps": 36_000, "tally": str(tally), "hurry": str(hurry)}
    job = submit(system, "local", request("stubborn", params=params))
    with working(chosen) as process:
        until(system, job, lambda _: tally.exists() and tally.stat().st_size > 2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0  # of the drain's 90 seconds
    assert given_back(system, job)
    hurry.touch()
    with working(chosen):
        done = until_ended(system, job)
    assert (done.status, done.attempt, done.tries) == (Status.SUCCEEDED, 2, 1)


@pytest.mark.slow
def test_what_fits_is_finished(system: System, chosen: Settings, tmp_path: Path) -> None:
    tally = tmp_path / "tally"
    params = {"seconds": 4.0, "steps": 100, "tally": str(tally)}
    job = submit(system, "local", request("stubborn", params=params))
    with working(chosen) as process:
        generating(system, job, tally)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    done = current(system, job)
    assert (done.status, done.attempt) == (Status.SUCCEEDED, 1)


@pytest.mark.slow
def test_of_many_artworks_those_that_fit_are_kept_and_the_rest_is_handed_back(
    system: System, chosen: Settings
) -> None:
    hasty = chosen.model_copy(update={"drain": 4.0})
    params = {"seconds": 1.0, "steps": 20}
    job = submit(system, "local", request("stubborn", params=params, count=16))
    with working(hasty) as process:
        until(system, job, lambda job: len(job.artworks) == 1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert given_back(system, job)
    assert 1 < len(current(system, job).artworks) < 16
    assert blobs(system, job) == named(current(system, job))


def test_a_model_that_is_being_loaded_is_not_waited_for(system: System, chosen: Settings) -> None:
    job = submit(system, "local", request("heavy"))
    with working(chosen) as process:
        running(system, job)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert given_back(system, job)


@pytest.mark.slow
def test_a_model_that_does_not_listen_is_left_behind_at_the_deadline(
    system: System, chosen: Settings, tmp_path: Path
) -> None:
    hasty = chosen.model_copy(update={"drain": 2.0})
    tally = tmp_path / "tally"
    job = submit(system, "local", request("stubborn", params={**DEAF, "tally": str(tally)}))
    with working(hasty) as process:
        generating(system, job, tally)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert given_back(system, job)


@pytest.mark.slow
def test_a_lost_supervisors_worker_hands_back_what_does_not_listen(
    system: System, chosen: Settings, tmp_path: Path
) -> None:
    tally = tmp_path / "tally"
    job = submit(system, "local", request("stubborn", params={**DEAF, "tally": str(tally)}))
    with working(chosen, stdin=subprocess.PIPE) as process:
        generating(system, job, tally)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(30)
    assert given_back(system, job)


# --- Models that hang -----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "params"),
    [("stubborn", DEAF), ("stubborn", {"preparing": 3600.0}), ("heavy", {})],
    ids=["generating", "preparing", "loading"],
)
def test_a_model_that_hangs_uses_up_its_tries_and_ends_its_worker(
    chosen: Settings, model: str, params: dict[str, object]
) -> None:
    brief = chosen.model_copy(update={"stall": 1.0, "max_tries": 2})
    system = assemble(brief)
    job = submit(system, "local", request(model, params=params))
    for number in (1, 2):
        with working(brief) as process:
            assert process.wait(60) == STALLED
        assert current(system, job).tries == number
    failed = current(system, job)
    assert (failed.status, failed.holder) == (Status.FAILED, None)
    assert failed.error is not None
    assert failed.error.code == "model_stalled"


@pytest.mark.slow
def test_a_process_that_was_stopped_has_not_hung(chosen: Settings, tmp_path: Path) -> None:
    brief = chosen.model_copy(update={"stall": 3.0})
    system = assemble(brief)
    tally = tmp_path / "tally"
    params = {"seconds": 3.0, "steps": 100, "tally": str(tally)}
    job = submit(system, "local", request("stubborn", params=params))
    with working(brief) as process:
        generating(system, job, tally)
        stop(process, tmp_path / "data")
        time.sleep(5)
        process.send_signal(signal.SIGCONT)
        done = until_ended(system, job)
        assert process.poll() is None
    assert (done.status, done.attempt) == (Status.SUCCEEDED, 1)
