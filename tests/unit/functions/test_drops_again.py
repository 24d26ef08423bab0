"""A file that is dropped again belongs to its latest job, whatever becomes of the others."""

from pathlib import Path
from typing import Any

import pytest
from pydantic_core import to_json

from functions import submission
from functions.announcing import announce
from functions.deletion import delete_job, purge
from functions.ingest.drop import take_drop
from functions.webhook import Answer, retry_after
from shared import lifecycle
from shared.lifecycle import Lease
from shared.records import JobRecord
from tests.unit.functions.stage import DROP, Stage

KEY = DROP.key("ann")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage.at(tmp_path)


def dropped(stage: Stage, nth: int) -> JobRecord:
    stage.system.inbox.put(KEY, b"photo", "image/jpeg")
    take_drop(stage.system, KEY, f"inbox/{KEY}/{nth}")
    (job, *_) = stage.system.table.batch(f"ann/{DROP.batch}", None, 1)
    job = stage.system.table.put(lifecycle.start(job, "w1", stage.clock.now, 3))
    lease = Lease("w1", job.attempt)
    job = stage.made(job, lease)
    job = stage.system.table.put(lifecycle.succeed(job, lease, stage.clock.now))
    return announce(stage.system, job)


def test_the_second_purge_leaves_the_same_artwork_of_a_later_drop(stage: Stage) -> None:
    buried = delete_job(stage.system, dropped(stage, 1))
    later = dropped(stage, 2)
    purge(stage.system, buried)
    assert stage.system.inbox.head(KEY)
    assert stage.system.artworks.head(DROP.mirror_key("ann", later.artworks[0]))
    delete_job(stage.system, later)
    assert stage.system.inbox.head(KEY) is None
    assert list(stage.system.artworks.keys("mirror/")) == []


def test_the_latest_takes_its_file_along_though_an_older_job_stays(stage: Stage) -> None:
    dropped(stage, 1)
    delete_job(stage.system, dropped(stage, 2))
    assert stage.system.inbox.head(KEY) is None


def test_a_deletion_reads_no_list(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    job = dropped(stage, 1)

    def listed(*_: Any) -> None:
        raise AssertionError("its cost would grow with the folder")

    monkeypatch.setattr(type(stage.system.table), "batch", listed)
    delete_job(stage.system, job)


def test_a_style_that_too_many_jobs_have_fails_the_drop_and_not_its_event(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "MOST_JOBS", 2)
    style = stage.upload("1", "2")
    settings = to_json({"input": {"style_image": {"upload": style.id}}})
    stage.system.inbox.put(f"drops/ann/{DROP.batch}/atelier.json", settings, "application/json")
    stage.system.inbox.put(KEY, b"photo", "image/jpeg")
    take_drop(stage.system, KEY, f"inbox/{KEY}/1")
    (job,) = stage.system.table.batch(f"ann/{DROP.batch}", None, 9)
    assert job.error
    assert job.error.code == "upload_exhausted"


def test_settings_that_nest_without_end_fail_their_job(stage: Stage) -> None:
    stage.system.inbox.put(f"drops/ann/{DROP.batch}/atelier.json", b"[" * 200_000, "text/plain")
    stage.system.inbox.put(KEY, b"photo", "image/jpeg")
    take_drop(stage.system, KEY, f"inbox/{KEY}/1")
    (job,) = stage.system.table.batch(f"ann/{DROP.batch}", None, 9)
    assert job.error
    assert job.error.code == "batch_settings_invalid"


@pytest.mark.parametrize("year", ["9" * 20, "9" * 5000])
def test_a_date_that_cannot_be_is_no_wish(stage: Stage, year: str) -> None:
    wish = Answer(503, f"Mon, 01 Jan {year} 00:00:00 GMT")
    assert not retry_after(wish, stage.clock.now)
