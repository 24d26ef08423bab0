"""What a machine does by itself after its processes were killed or stopped: at once, with nothing
to wait for. Messages are held for an hour here, so that nothing could come of their lapsing."""

import contextlib
import os
import signal
import sqlite3
from pathlib import Path

import pytest

from local.machine import Options, configure
from local.reconcile import reconcile
from shared.bootstrap import assemble
from shared.embedded.recovery import unsent
from shared.embedded.table import SqliteTable
from shared.records import JobRecord
from tests.machine import OWN_MODELS, command, processes_of, running, wait_until

STUCK_MODELS = ("--models", "tests.own_models,tests.stuck_models")
HOUR = "3600"
SLOW = {"params": {"seconds": 3, "steps": 30}}


def workers(data: Path) -> list[int]:
    return [pid for pid in processes_of(data) if "gpu_worker run" in command(pid)]


@pytest.mark.slow
def test_a_start_puts_right_what_a_sudden_end_left(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data, *OWN_MODELS, ATELIER_VISIBILITY=HOUR) as atelier:
        held = atelier.submit(**SLOW)
        atelier.until(held, "running")
        canceled, waiting, lost = atelier.submit(**SLOW), atelier.submit(), atelier.submit()
        atelier.call("POST", f"/v1/jobs/{canceled}/cancel")
        atelier.cut()
    with contextlib.closing(sqlite3.connect(data / "atelier.db")) as database:
        database.execute("DELETE FROM letters WHERE body LIKE ?", (f"%{lost}%",))
        database.commit()
    leftover = data / "artworks" / ".scratch" / f"{os.getpid()}-0123"
    leftover.parent.mkdir(parents=True, exist_ok=True)
    leftover.write_bytes(b"half")

    with running(data, *OWN_MODELS, ATELIER_VISIBILITY=HOUR) as atelier:
        assert not leftover.exists()
        assert atelier.until(held, "succeeded")["attempts"] == 2
        assert atelier.until(waiting, "succeeded")["attempts"] == 1
        assert atelier.until(lost, "succeeded")["attempts"] == 1
        assert atelier.job(canceled)["status"] == "canceled"


@pytest.mark.slow
def test_a_dead_workers_job_is_taken_up_at_once(tmp_path: Path) -> None:
    with running(tmp_path / "data", *OWN_MODELS, ATELIER_VISIBILITY=HOUR) as atelier:
        job = atelier.submit(**SLOW)
        atelier.until(job, "running")
        for pid in workers(atelier.data):
            os.kill(pid, signal.SIGKILL)
        assert atelier.until(job, "succeeded")["attempts"] == 2


@pytest.mark.slow
def test_a_worker_stopped_within_a_transaction_does_not_stop_the_system(tmp_path: Path) -> None:
    with running(
        tmp_path / "data", *STUCK_MODELS, "--workers", "2", ATELIER_VISIBILITY=HOUR
    ) as atelier:
        stuck = atelier.submit("stuck")
        wait_until(lambda: (atelier.data / "was-stuck").exists())
        other = atelier.submit()  # held up until the first is killed
        assert atelier.until(other, "succeeded")["attempts"] == 1
        assert atelier.until(stuck, "succeeded")["attempts"] == 2
        assert atelier.process.poll() is None
        atelier.end()
        told = atelier.log.read_text()
    assert "is stuck while it writes" in told


@pytest.mark.slow
def test_a_stopped_worker_that_holds_up_nobody_is_left_alone(tmp_path: Path) -> None:
    with running(tmp_path / "data", *OWN_MODELS) as atelier:
        (worker,) = workers(atelier.data)
        job = atelier.submit()
        atelier.until(job, "succeeded")
        os.kill(worker, signal.SIGSTOP)
        with pytest.raises(AssertionError):
            wait_until(lambda: workers(atelier.data) != [worker], 12)
        os.kill(worker, signal.SIGCONT)
        atelier.until(atelier.submit(), "succeeded")


@pytest.mark.slow
def test_a_start_ends_leftovers_that_were_stopped(tmp_path: Path) -> None:
    """They have not noticed that their supervisor was killed, and never would."""
    data = tmp_path / "data"
    with running(data, *OWN_MODELS) as atelier:
        (worker,) = workers(data)
        os.kill(worker, signal.SIGSTOP)
        atelier.process.kill()
        atelier.process.wait()
        with running(data, *OWN_MODELS) as again:
            again.until(again.submit(), "succeeded")
            assert worker not in processes_of(data)


@pytest.mark.slow
def test_a_supervisor_that_was_stopped_goes_on(tmp_path: Path) -> None:
    with running(tmp_path / "data", *OWN_MODELS) as atelier:
        os.kill(atelier.process.pid, signal.SIGSTOP)
        before = workers(atelier.data)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        job = atelier.submit()
        os.kill(atelier.process.pid, signal.SIGCONT)
        atelier.until(job, "succeeded")
        assert workers(atelier.data) != before


def test_a_live_holder_keeps_its_job(tmp_path: Path) -> None:
    """Only the holder that is known to be dead is let go, not the one that came after it."""
    from local.reconcile import let_go
    from tests.contract.worlds import job

    system = assemble(configure(Options(tmp_path), tmp_path, 80))
    dead = system.table.put(job(status="running", holder="dead", attempt=1, tries=1))
    system.table.put(dead.model_copy(update={"holder": "alive", "attempt": 2}))
    let_go(system, dead, blamed=True)
    found = system.table.get(JobRecord, dead.id)
    assert found
    assert found.holder == "alive"


def test_jobs_without_a_message_are_found_whoever_owns_them(tmp_path: Path) -> None:
    from shared.message import job_message
    from tests.contract.worlds import job

    system = assemble(configure(Options(tmp_path), tmp_path, 80))
    assert isinstance(system.table, SqliteTable)
    for number, tenant in enumerate(("ada", "ada", "bob", "eve")):
        system.table.put(job(f"job-{number}", tenant=tenant))
    system.table.put(job("done", status="succeeded"))
    system.lane("standard", "interactive").send(job_message("job-1"), "ada")
    system.queue("standard-interactive-dead").send(job_message("job-2"), "bob")
    assert unsent(system.table.database) == ["job-0", "job-2", "job-3"]
    reconcile(system)
    assert unsent(system.table.database) == []
    assert system.lane("standard", "interactive").depth() == 4
