"""What the worker promises: each job ends once, whatever happens to whoever works on it."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest

from functions.submission import submit
from functions.ticket import issue
from gpu_worker import prepare
from shared import lifecycle
from shared.contract import Manifest, Status, UploadRequest
from shared.message import job_message
from shared.records import DropSource, JobRecord, PulseRecord
from shared.settings import Settings, environment
from shared.system import System
from tests.integration.working import (
    Process,
    by_hand,
    current,
    request,
    stop,
    until,
    until_ended,
    working,
)

Spawn = Callable[[], Process]


@pytest.fixture
def spawn(chosen: Settings) -> Iterator[Spawn]:
    """Starts real worker processes on the test's system."""
    with ExitStack() as started:
        yield lambda: started.enter_context(working(chosen))


def test_a_job_becomes_artworks_with_their_thumbnails_and_manifests(system: System) -> None:
    job = submit(system, "local", request(count=6, seed=7))
    by_hand(system).once()
    done = current(system, job)
    assert done.status is Status.SUCCEEDED
    assert [made.index for made in done.artworks] == list(range(6))
    for made in done.artworks:
        data = system.artworks.get(made.key("local", job.id)) or b""
        assert sha256(data).hexdigest() == made.sha256
        assert (system.artworks.get(made.thumbnail_key("local", job.id)) or b"")[8:12] == b"WEBP"
        stored = system.artworks.get(made.manifest_key("local", job.id)) or b""
        manifest = Manifest.model_validate_json(stored)
        assert (manifest.sha256, manifest.job_seed) == (made.sha256, 7)
    assert len({made.sha256 for made in done.artworks}) == 6
    assert system.lane("standard", "interactive").depth() == 0


def test_the_same_seed_makes_the_same_artwork_alone_or_among_others(system: System) -> None:
    alone = submit(system, "local", request(seed=7))
    among = submit(system, "local", request(seed=7, count=3))
    hand = by_hand(system)
    hand.once()
    hand.once()
    first = current(system, alone).artworks[0].sha256
    assert current(system, among).artworks[0].sha256 == first


def test_an_ended_job_is_not_made_again_by_a_duplicate_message(system: System) -> None:
    job = submit(system, "local", request())
    hand = by_hand(system)
    hand.once()
    done = current(system, job)
    system.lane("standard", "interactive").send(job_message(job.id), "local")
    hand.once()
    assert current(system, job) == done


def test_a_model_with_a_bug_fails_its_job_after_its_attempts_and_nobody_elses(
    system: System,
) -> None:
    broken = submit(system, "local", request("broken"))
    plain = submit(system, "local", request())
    hand = by_hand(system)
    give_up = time.monotonic() + 30
    while not current(system, broken).status.ended and time.monotonic() < give_up:
        hand.once()
    failed = current(system, broken)
    assert failed.status is Status.FAILED
    assert failed.error is not None
    assert failed.error.code == "model_failed"
    assert failed.tries == system.settings.max_tries
    assert current(system, plain).status is Status.SUCCEEDED


def test_bad_parameters_fail_at_once_with_a_code(system: System) -> None:
    job = submit(system, "local", request())
    written = system.table.put(job.model_copy(update={"params": {"steps": "many"}}))
    by_hand(system).once()
    failed = current(system, written)
    assert failed.error is not None
    assert failed.error.code == "params_invalid"
    assert failed.tries == 1


def test_an_upload_that_is_gone_fails_the_job_with_a_code(system: System) -> None:
    job = submit(system, "local", request())
    lost = {"image": {"upload": "0" * 26}}
    written = system.table.put(job.model_copy(update={"input": lost}))
    by_hand(system).once()
    error = current(system, written).error
    assert error is not None
    assert error.code == "input_missing"


def test_a_dropped_file_of_any_size_is_not_read(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "MAX_UPLOAD_BYTES", 3)
    source = DropSource(batch="batch", name="a.png")
    job = submit(system, "local", request())
    system.inbox.put(source.key("local"), b"1234", "image/png")
    dropped = {"drop": source, "input": {"image": {"drop": source.key("local")}}}
    written = system.table.put(job.model_copy(update=dropped))
    by_hand(system).once()
    failed = current(system, written)
    assert failed.error is not None
    assert (failed.error.code, failed.tries) == ("input_too_large", 1)


def test_a_version_that_is_not_here_is_handed_back_without_an_attempt(system: System) -> None:
    job = submit(system, "local", request())
    newer = system.table.put(job.model_copy(update={"model_version": "2"}))
    by_hand(system).once()
    waiting = current(system, newer)
    assert (waiting.status, waiting.attempt) == (Status.QUEUED, 0)


def test_a_deadline_that_has_passed_expires_the_job_without_running_it(system: System) -> None:
    job = submit(system, "local", request(start_within=1))
    later = replace(system, now=lambda: system.now() + timedelta(seconds=5))
    by_hand(later).once()
    expired = current(system, job)
    assert (expired.status, expired.attempt) == (Status.EXPIRED, 0)


def test_cancel_stops_a_running_job_between_two_steps(system: System, spawn: Spawn) -> None:
    job = submit(system, "local", request(params={"seconds": 30, "steps": 300}))
    spawn()
    until(system, job, lambda job: job.status is Status.RUNNING)
    now = system.now()
    lifecycle.apply(system.table, current(system, job), lambda job: lifecycle.cancel(job, now))
    canceled = until_ended(system, job, 5)
    assert canceled.status is Status.CANCELED
    assert canceled.artworks == ()


def test_progress_and_stage_are_told_while_it_runs(system: System, spawn: Spawn) -> None:
    job = submit(system, "local", request(params={"seconds": 2, "steps": 50}))
    spawn()
    until(system, job, lambda job: job.status is Status.RUNNING)
    seen = []
    while not current(system, job).status.ended:
        seen.append(progress(system, job))
        time.sleep(0.1)
    assert seen == sorted(seen)
    assert len(set(seen)) > 3


def test_a_killed_workers_job_is_made_by_another_once(system: System, spawn: Spawn) -> None:
    job = submit(system, "local", request(count=8, params={"seconds": 1.0, "steps": 20}))
    victim = spawn()
    until(system, job, lambda job: len(job.artworks) == 4)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    kept = current(system, job).artworks
    spawn()
    done = until_ended(system, job)
    assert done.status is Status.SUCCEEDED
    assert done.attempt == 2
    assert done.artworks[:4] == kept
    assert [made.attempt for made in done.artworks] == [1] * 4 + [2] * 4


def test_a_zombie_writes_nothing_once_another_holds_its_job(
    system: System, chosen: Settings, spawn: Spawn
) -> None:
    job = submit(system, "local", request(params={"seconds": 4, "steps": 40}))
    zombie = spawn()
    until(system, job, lambda job: job.status is Status.RUNNING)
    assert chosen.data is not None
    stop(zombie, chosen.data)
    spawn()
    until(system, job, lambda job: job.attempt == 2)
    zombie.send_signal(signal.SIGCONT)
    done = until_ended(system, job)
    assert done.status is Status.SUCCEEDED
    assert [made.attempt for made in done.artworks] == [2]
    time.sleep(1)
    assert current(system, job).artworks == done.artworks


def test_a_duplicate_never_steals_a_live_attempt(system: System, spawn: Spawn) -> None:
    job = submit(system, "local", request(params={"seconds": 4, "steps": 40}))
    spawn()
    until(system, job, lambda job: job.status is Status.RUNNING)
    system.lane("standard", "interactive").send(job_message(job.id), "local")
    spawn()
    done = until_ended(system, job)
    assert (done.status, done.attempt) == (Status.SUCCEEDED, 1)


def test_a_killer_job_fails_after_its_attempts(system: System, chosen: Settings) -> None:
    job = submit(system, "local", request("deadly"))
    command = [sys.executable, "-m", "gpu_worker", "run"]
    for _ in range(chosen.max_tries):
        subprocess.run(command, env=environment(chosen), timeout=20, check=False)
    with working(chosen):
        failed = until_ended(system, job)
    assert failed.status is Status.FAILED
    assert failed.error is not None
    assert failed.error.code == "attempts_exhausted"
    assert failed.tries == chosen.max_tries


def progress(system: System, job: JobRecord) -> float:
    pulse = system.table.get(PulseRecord, job.id)
    return pulse.progress if pulse else 0.0


def test_sigterm_finishes_what_fits_and_takes_no_more(system: System, spawn: Spawn) -> None:
    first = submit(system, "local", request(params={"seconds": 1.5}))
    process = spawn()
    until(system, first, lambda job: bool(progress(system, job)))
    process.send_signal(signal.SIGTERM)
    second = submit(system, "local", request())
    assert process.wait(10) == 0
    assert current(system, first).status is Status.SUCCEEDED
    left = current(system, second)
    assert (left.status.ended, left.holder, left.tries) == (False, None, 0)


def test_sigterm_hands_back_at_once_what_does_not_fit(system: System, chosen: Settings) -> None:
    job = submit(system, "local", request(params={"seconds": 60, "steps": 600}))
    hasty = chosen.model_copy(update={"drain": 0.5})
    with working(hasty) as process:
        until(system, job, lambda job: job.status is Status.RUNNING)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    back = current(system, job)
    assert (back.status, back.holder, back.tries, back.attempt) == (Status.RUNNING, None, 0, 1)
    assert system.lane("standard", "interactive").depth() == 1


def test_a_job_reads_its_own_tenants_bytes_only(system: System) -> None:
    theirs = issue(system, "studio", UploadRequest(content_type="image/png", size=4))
    system.inbox.put(f"uploads/studio/{theirs.id}", b"mine", "image/png")
    system.inbox.put("drops/studio/batch/a.png", b"mine", "image/png")
    for stolen in ({"upload": theirs.id}, {"drop": "drops/studio/batch/a.png"}):
        job = submit(system, "local", request())
        written = system.table.put(job.model_copy(update={"input": {"image": stolen}}))
        by_hand(system).once()
        error = current(system, written).error
        assert error is not None
        assert error.code == "input_missing"


def test_a_worker_whose_supervisor_is_gone_hands_back_and_ends(
    system: System, chosen: Settings
) -> None:
    job = submit(system, "local", request(params={"seconds": 60, "steps": 600}))
    with working(chosen, stdin=subprocess.PIPE) as process:
        until(system, job, lambda job: job.status is Status.RUNNING)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0
    back = current(system, job)
    assert (back.holder, back.tries) == (None, 0)


def test_a_worker_whose_model_uses_no_torch_never_imports_it(
    system: System, chosen: Settings
) -> None:
    job = submit(system, "local", request())
    with working(chosen.model_copy(update={"device": ""})):
        (made,) = until_ended(system, job).artworks
    stored = system.artworks.get(made.manifest_key("local", job.id)) or b""
    told = Manifest.model_validate_json(stored).environment
    assert "numpy" in told
    assert "torch" not in told
    assert told["device"] == "cpu"
