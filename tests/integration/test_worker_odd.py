"""Models that raise or return what no model should, threads that cannot be started, records that
cannot be read: one job at most pays for it."""

from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from functions.submission import submit
from gpu_worker import crew
from gpu_worker.worker import Worker
from shared.contract import Status
from shared.embedded.table import SqliteTable
from shared.records import JobRecord
from shared.settings import Settings
from shared.system import System
from tests.conftest import OWN_MODELS, catalogue_of
from tests.integration.working import at_work, by_hand, request, until_ended

MODELS = (*OWN_MODELS, "tests.odd_models")


@pytest.fixture(scope="session")
def catalogue_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return catalogue_of(MODELS, tmp_path_factory.mktemp("catalogue"))


@pytest.fixture
def chosen(chosen: Settings) -> Settings:
    return chosen.model_copy(update={"models": MODELS})


@pytest.fixture
def worker(system: System) -> Worker:
    return by_hand(system, MODELS)


def odd(system: System, seed: int = 7, **params: str) -> JobRecord:
    return submit(system, "local", request("odd", seed=seed, params=params))


@pytest.mark.parametrize("what", ["panic", "exit", "interrupted"])
@pytest.mark.parametrize("where", ["prepare", "shape", "generate", "encode"])
def test_whatever_a_model_raises_uses_up_the_tries(
    system: System, worker: Worker, where: str, what: str
) -> None:
    job = odd(system, where=where, what=what)
    with at_work(worker):
        ended = until_ended(system, job)
        assert (ended.status, ended.attempt) == (Status.FAILED, 3)
        assert until_ended(system, odd(system)).status is Status.SUCCEEDED


def test_a_shape_without_a_hash_fails_its_job_and_not_the_device(
    system: System, worker: Worker
) -> None:
    job = odd(system, what="list")
    with at_work(worker):
        ended = until_ended(system, job)
        assert ended.error
        assert ended.error.code == "model_failed"
        assert until_ended(system, odd(system)).status is Status.SUCCEEDED


def test_too_few_artworks_cost_the_others_of_a_batch_no_try(
    system: System, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = worker._intake.workshop.device
    one_by_one, together = device._batch, Event()

    def batch(kind: Any) -> Any:
        if not together.is_set():
            assert device._changed.wait_for(lambda: len(device._shares) == 4, 60)
            together.set()
        return one_by_one(kind)

    monkeypatch.setattr(device.flow, "_room", lambda: 4)
    monkeypatch.setattr(device.pace, "best", lambda *_: 4)
    monkeypatch.setattr(device, "_batch", batch)
    jobs = [odd(system, seed, what="few" if seed == 2 else "panic") for seed in range(4)]
    with at_work(worker):
        ended = [until_ended(system, job) for job in jobs]
    others = [(job.status, job.tries) for job in ended if job.seed != 2]
    assert together.is_set()
    assert others == [(Status.SUCCEEDED, 1)] * 3


def test_where_no_thread_can_be_started_for_a_while_no_job_is_stuck(
    system: System, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = Event()

    class Refused(Thread):
        def start(self) -> None:
            refused.set()
            raise RuntimeError("can't start new thread")

    with at_work(worker):
        with monkeypatch.context() as patched:
            patched.setattr(crew, "Thread", Refused)
            jobs = [odd(system, seed) for seed in range(6)]
            assert refused.wait(60)
        assert {until_ended(system, job).status for job in jobs} == {Status.SUCCEEDED}


def test_a_record_that_cannot_be_read_holds_up_no_other(
    system: System, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [odd(system, seed) for seed in range(9)]
    assert isinstance(system.table, SqliteTable)
    damaged = """UPDATE items SET body = replace(body, '"status":"queued"', '"status":"later"')
                 WHERE pk = ? AND body LIKE '%"status":"queued"%'"""
    system.table.database.execute(damaged, (jobs[4].id,))
    monkeypatch.setattr(worker._flow, "_room", lambda: 10)
    with at_work(worker):
        ended = [until_ended(system, job) for job in jobs[:4] + jobs[5:]]
    assert {job.status for job in ended} == {Status.SUCCEEDED}
