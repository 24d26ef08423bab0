"""Jobs share the device: in batches, and without any harm to each other."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from functions.submission import submit
from gpu_worker.flow import MOST
from shared import lifecycle
from shared.contract import Status
from shared.message import job_message
from shared.records import JobRecord
from shared.settings import Settings
from shared.system import System
from tests.conftest import OWN_MODELS, catalogue_of
from tests.integration.working import (
    at_work,
    blobs,
    by_hand,
    current,
    named,
    request,
    until,
    until_ended,
    working,
)
from tests.services import Services

MODELS = (*OWN_MODELS, "tests.batching_models")


@pytest.fixture(scope="session")
def catalogue_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return catalogue_of(MODELS, tmp_path_factory.mktemp("catalogue"))


@pytest.fixture
def chosen(chosen: Settings) -> Settings:
    return chosen.model_copy(update={"models": MODELS, "visibility": 10.0})


def sizes(log: Path) -> list[int]:
    return [int(line) for line in log.read_text().split()] if log.exists() else []


Submit = Callable[..., JobRecord]


@pytest.fixture
def together(system: System, tmp_path: Path) -> Submit:
    def job(model: str = "together", count: int = 1, seed: int = 7, **params: object) -> JobRecord:
        params = {"log": str(tmp_path / "log"), **params}
        return submit(system, "local", request(model, count=count, seed=seed, params=params))

    return job


def all_ended(system: System, jobs: list[JobRecord]) -> list[JobRecord]:
    return [until_ended(system, job) for job in jobs]


def test_jobs_that_wait_share_batches_and_a_lone_one_waits_for_nobody(
    system: System, together: Submit, tmp_path: Path
) -> None:
    jobs = [together(seed=seed) for seed in range(60)]
    with at_work(by_hand(system, MODELS)):
        done = all_ended(system, jobs)
        batches = sizes(tmp_path / "log")
        lone = until_ended(system, together())
    assert {job.status for job in [*done, lone]} == {Status.SUCCEEDED}
    assert sum(batches) == 60
    assert max(batches) > 1
    assert sizes(tmp_path / "log")[len(batches) :] == [1]


def test_an_artwork_does_not_depend_on_what_shares_its_batch(
    system: System, together: Submit
) -> None:
    jobs = [together(seed=seed // 2, count=3) for seed in range(10)]
    with at_work(by_hand(system, MODELS)):
        done = all_ended(system, jobs)
    for one, twin in zip(done[::2], done[1::2], strict=True):
        assert [made.sha256 for made in one.artworks] == [made.sha256 for made in twin.artworks]
    assert len({job.artworks[0].sha256 for job in done}) == 5


def test_a_batch_that_memory_has_no_room_for_is_halved_and_costs_no_try(
    system: System, together: Submit, tmp_path: Path
) -> None:
    jobs = [together("hungry", seed=seed) for seed in range(40)]
    with at_work(by_hand(system, MODELS)):
        done = all_ended(system, jobs)
    assert {(job.status, job.tries) for job in done} == {(Status.SUCCEEDED, 1)}
    too_large = [size for size in sizes(tmp_path / "log") if size > 3]
    assert len(too_large) <= 1  # it is remembered


def test_a_poison_job_costs_those_in_its_batch_no_try(
    system: System, together: Submit, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    first = together(gate=str(gate))
    jobs = [together(seed=seed, poison=seed == 5) for seed in range(12)]
    with at_work(by_hand(system, MODELS)):
        until(system, first, lambda job: job.status is Status.RUNNING)
        time.sleep(1)
        gate.touch()
        done = all_ended(system, [*jobs, first])
    failed = [job for job in done if job.status is Status.FAILED]
    assert [job.id for job in failed] == [jobs[5].id]
    assert failed[0].error is not None
    assert failed[0].error.code == "model_failed"
    assert {job.tries for job in done if job not in failed} == {1}


def test_a_cancel_ends_one_job_of_a_batch_at_once_and_no_other(
    system: System, together: Submit, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    quick = [together(seed=seed) for seed in range(20)]
    with at_work(by_hand(system, MODELS)):
        all_ended(system, quick)  # so it takes many at once
        jobs = [together(seed=seed, gate=str(gate)) for seed in range(6)]
        for job in jobs[:2]:
            until(system, job, lambda job: job.status is Status.RUNNING)
        now = system.now()
        lifecycle.apply(
            system.table, current(system, jobs[0]), lambda job: lifecycle.cancel(job, now)
        )
        assert until_ended(system, jobs[0]).status is Status.CANCELED
        gate.touch()
        assert {job.status for job in all_ended(system, jobs[1:])} == {Status.SUCCEEDED}
    assert not blobs(system, jobs[0])


def test_a_duplicate_of_a_job_that_is_under_way_here_changes_nothing(
    system: System, together: Submit, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    job = together(gate=str(gate))
    for _ in range(3):
        system.lane("standard", "interactive").send(job_message(job.id), "local")
    with at_work(by_hand(system, MODELS)):
        until(system, job, lambda job: job.status is Status.RUNNING)
        time.sleep(1)
        gate.touch()
        done = until_ended(system, job)
    assert (done.attempt, done.tries, len(done.artworks)) == (1, 1, 1)
    assert sizes(tmp_path / "log") == [1]


def test_after_a_loss_without_a_verdict_each_job_runs_alone(
    system: System, chosen: Settings, together: Submit, tmp_path: Path
) -> None:
    brief = chosen.model_copy(update={"visibility": 2.0})
    gate, log = tmp_path / "gate", tmp_path / "log"
    quick = [together(seed=seed) for seed in range(20)]
    with working(brief) as victim:
        all_ended(system, quick)  # so it takes many at once
        jobs = [together(seed=seed, gate=str(gate)) for seed in range(4)]
        for job in jobs[:2]:
            until(system, job, lambda job: job.status is Status.RUNNING)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
    lost = [job for job in jobs if current(system, job).attempt]
    log.unlink(missing_ok=True)
    gate.touch()
    with working(brief):
        done = all_ended(system, jobs)
    assert {job.status for job in done} == {Status.SUCCEEDED}
    assert len(lost) > 1
    assert sizes(log).count(1) >= len(lost)


def test_what_is_under_way_is_bounded_where_the_store_is_slow(
    system: System, together: Submit
) -> None:
    services = Services(system)
    under_way = [0, 0]

    def slow(_: int, name: str, given: tuple[object, ...]) -> None:
        if name == "artworks.put_all":
            under_way[0] = max(under_way[0], len(worker._flow._courses))
            under_way[1] = max(under_way[1], worker._flow._raw)
            time.sleep(0.2)

    services.before = slow
    jobs = [together(seed=seed) for seed in range(200)]
    worker = by_hand(services.system, MODELS)
    with at_work(worker):
        done = all_ended(system, jobs)
    assert {job.status for job in done} == {Status.SUCCEEDED}
    assert under_way[0] <= MOST
    assert under_way[1] <= MOST + 8


def test_what_would_wait_here_for_long_is_left_to_others_and_costs_no_try(
    system: System, chosen: Settings
) -> None:
    brief = chosen.model_copy(update={"visibility": 2.0})
    quick = [submit(system, "local", request(seed=seed)) for seed in range(20)]
    slow = request("looking", params={"seconds": 8.0, "steps": 80})
    with working(brief):
        all_ended(system, quick)  # so it takes many at once
        jobs = [submit(system, "local", slow) for _ in range(4)]
        until_freed(system, jobs)
        time.sleep(1.5)  # a call that was under way may have taken one once more
        before = [current(system, job).attempt for job in jobs]
        time.sleep(1.5)
        now = [current(system, job) for job in jobs]
        assert [job.attempt for job in now] == before
        assert any(job.holder for job in now)
        with working(brief):
            done = all_ended(system, jobs)
    assert {(job.status, job.tries) for job in done} == {(Status.SUCCEEDED, 1)}


def until_freed(system: System, jobs: list[JobRecord]) -> None:
    """One that was taken is given back, while another is made."""
    give_up = time.monotonic() + 60
    while not any(job.attempt and not job.holder for job in (current(system, j) for j in jobs)):
        assert time.monotonic() < give_up
        time.sleep(0.05)


def test_a_worker_that_drains_leaves_every_job_done_or_free(
    system: System, chosen: Settings, together: Submit
) -> None:
    hasty = chosen.model_copy(update={"drain": 1.0})
    jobs = [together(seed=seed, seconds=0.3) for seed in range(100)]
    with working(hasty) as process:
        until(system, jobs[0], lambda job: job.status is Status.SUCCEEDED)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    left = [current(system, job) for job in jobs]
    assert {job.holder for job in left} == {None}
    assert {job.tries for job in left if job.status is Status.RUNNING} <= {0}
    assert {job.status for job in left} <= {Status.SUCCEEDED, Status.RUNNING, Status.QUEUED}
    assert system.lane("standard", "interactive").depth() == sum(
        not job.status.ended for job in left
    )
    for job in left:
        assert blobs(system, job) == named(job)
