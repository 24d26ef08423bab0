"""Whatever is uploaded or dropped becomes an artwork or a documented code, and nobody dies."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import httpx
import pytest

from functions.submission import submit
from functions.ticket import issue
from gpu_worker.decoding import apart
from gpu_worker.decoding.pool import Pool
from gpu_worker.drain import Drain
from gpu_worker.pictures import Code
from gpu_worker.registry import Registry
from gpu_worker.worker import Worker
from shared.bootstrap import assemble
from shared.codes import JOBS
from shared.contract import JobRequest, Status, UploadRequest
from shared.records import DropSource, JobRecord, UploadRecord
from shared.settings import Settings
from shared.system import System
from tests.conftest import OWN_MODELS
from tests.hostile import files
from tests.hostile.attack import Machine, machine
from tests.hostile.bombs import scans
from tests.hostile.names import NO_UTF8, ODD, WORSE
from tests.hostile.originals import originals, photo, saved

SAMPLE, MANY = 100, 2200
PATIENCE_SECONDS = 300.0
LONGEST_MIRRORED = 251

Look = Callable[[bytes], JobRecord]


@pytest.fixture
def target() -> Iterator[Machine]:
    with machine() as started:
        yield started


def looker(system: System) -> Look:
    """Makes a job of a file, and has a worker look at it once."""
    worker = Worker(system, Registry(OWN_MODELS, "cpu"), Drain(60))

    def look(data: bytes) -> JobRecord:
        wish = UploadRequest(content_type="image/png", size=len(data) or 1)
        ticket = issue(system, "local", wish)
        upload = system.table.get(UploadRecord, ticket.id)
        assert upload is not None
        system.inbox.put(upload.key, data, upload.content_type)
        given = {"image": {"upload": ticket.id}}
        job = submit(system, "local", JobRequest(model="looking", input=given))
        worker.once()
        found = system.table.get(JobRecord, job.id)
        assert found is not None
        return found

    return look


def code(job: JobRecord) -> str:
    """What it came to. Every job has ended, or waits for another attempt."""
    if job.status is Status.SUCCEEDED:
        assert len(job.artworks) == 1
        return "succeeded"
    assert job.status is Status.FAILED, job
    assert job.error is not None
    return job.error.code


def test_every_code_of_a_picture_is_documented() -> None:
    assert set(get_args(Code)) == {known for known in JOBS if known.startswith("image_")}


def test_a_corpus_is_the_same_for_a_seed_and_another_for_another() -> None:
    assert files.corpus(5, 300) == files.corpus(5, 300)
    assert files.corpus(5, 300) != files.corpus(6, 300)
    assert len({data for _, data in files.corpus(5, MANY)}) > 0.95 * MANY


def test_a_sample_of_hostile_files(system: System) -> None:
    with apart(Pool()):
        look = looker(system)
        codes = [code(look(data)) for _, data in files.corpus(1, SAMPLE)]
    assert set(codes) <= {"succeeded", *get_args(Code)}
    assert len(set(codes)) > 4
    assert SAMPLE // 5 < codes.count("succeeded") < SAMPLE - SAMPLE // 5


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (b"crash", "image_crashed"),
        (b"hog", "image_too_complex"),
        (b"loop", "image_too_slow"),
        (scans(60_000), "image_too_slow"),
    ],
    ids=("crash", "hog", "loop", "scans"),
)
def test_a_file_that_harms_its_decoder_fails_its_own_job_only(
    system: System, harm: bytes, expected: str
) -> None:
    """The last one is a real JPEG, of some megabytes, that keeps the real codec busy for hours."""
    with apart(Pool("tests.hostile.decoder")):
        look = looker(system)
        failed = look(harm)
        assert code(failed) == expected
        assert failed.tries == 1
        assert code(look(saved(photo(), "PNG"))) == "succeeded"


def test_a_decoder_that_others_killed_costs_the_job_a_try_and_not_its_end(system: System) -> None:
    with apart(Pool("tests.hostile.decoder")):
        waiting = looker(system)(b"die")
    assert not waiting.status.ended
    assert waiting.tries == 1


@pytest.mark.slow
def test_thousands_of_hostile_files_are_uploaded_and_nobody_dies() -> None:
    report = files.attack(2, MANY)
    print(report.table())
    assert not report.wrong, "\n".join(report.wrong[:20])
    codes = {told for _, told in report.counts}
    assert len(codes) > 5


@pytest.mark.slow
def test_the_death_of_a_worker_is_noticed(target: Machine) -> None:
    plain = originals()["png-plain"]

    def a_death_among_them() -> Iterator[files.File]:
        yield "png", plain
        (worker,) = files.workers(target)
        os.kill(worker, signal.SIGKILL)
        yield "png", plain

    report = files.send(target, a_death_among_them())
    assert report.wrong == ["a worker died"]


@pytest.mark.slow
def test_whatever_an_uploads_file_is_called(target: Machine) -> None:
    data = originals()["png-plain"]
    with httpx.Client(base_url=target.url, timeout=60) as client:
        for name in (*ODD, *WORSE):
            wish = {"content_type": "image/png", "size": len(data), "filename": name}
            ticket = client.post("v1/uploads", json={**wish, "job": {"model": "looking"}})
            assert ticket.status_code in (201, 422), name
            if ticket.status_code == 201:
                told = ticket.json()
                client.put(told["url"], content=data, headers=told["headers"]).raise_for_status()
                job = client.get(f"v1/jobs/{told['job_id']}?wait=20").json()
                while job["status"] not in ("succeeded", "failed"):
                    job = client.get(f"v1/jobs/{told['job_id']}?wait=20").json()
                artwork = client.get(job["artworks"][0]["url"])
                assert artwork.status_code == 200, name
                assert "set-cookie" not in artwork.headers


@pytest.mark.slow
def test_whatever_a_dropped_file_is_called(target: Machine) -> None:
    """What is UTF-8 becomes a job that ends and is announced; the rest waits, and harms nobody."""
    batch = target.folder / "drops" / "local" / "batch"
    batch.mkdir(parents=True)
    data = originals()["png-plain"]
    # Whose artwork's mirror lies where another's folder must be, and the other way round.
    (batch / "a.png.png").mkdir()
    (batch / "a.png.png" / "b.png").write_bytes(data)
    for name in (*map(os.fsencode, (*ODD, "a.png")), *NO_UTF8):
        Path(os.fsdecode(os.fsencode(batch) + b"/" + name)).write_bytes(data)
    expected = {*ODD, "a.png", "a.png.png/b.png"}

    system = assemble(Settings(data=target.folder))
    give_up = time.monotonic() + PATIENCE_SECONDS
    while named(system) != expected or not all(map(over, jobs(system))):
        late = [job.drop for job in jobs(system) if not over(job)]
        assert time.monotonic() < give_up, (expected ^ named(system), late)
        time.sleep(0.5)
    assert {job.status for job in jobs(system)} == {Status.SUCCEEDED}
    short = [job for job in jobs(system) if len(os.fsencode(drop(job).name)) <= LONGEST_MIRRORED]
    assert len([job for job in short if not mirrored(system, job)]) == 1, "of the two, one"


def over(job: JobRecord) -> bool:
    return job.status.ended and not job.announce


def jobs(system: System) -> list[JobRecord]:
    return system.table.batch("local/batch", None, 1000)


def named(system: System) -> set[str]:
    return {drop(job).name for job in jobs(system)}


def drop(job: JobRecord) -> DropSource:
    assert job.drop is not None
    return job.drop


def mirrored(system: System, job: JobRecord) -> bool:
    return system.artworks.head(drop(job).mirror_key("local", job.artworks[0])) is not None
