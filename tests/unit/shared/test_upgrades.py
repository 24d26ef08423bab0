"""Old and new code run side by side while a deployment lasts: what one writes, the other keeps."""

import json
from pathlib import Path

import pytest

from shared import lifecycle
from shared.message import DeliveryMessage, JobMessage, job_message
from shared.records import JobRecord
from tests.unit.functions.stage import Stage

TOMORROWS = "a field of tomorrow"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage.at(tmp_path)


def newer(job: JobRecord) -> JobRecord:
    """The job as code of tomorrow wrote it."""
    written = job.model_dump(mode="json") | {"tomorrow": TOMORROWS}
    written["artworks"] = [{**made, "tomorrow": TOMORROWS} for made in written["artworks"]]
    return JobRecord.model_validate(written).model_copy(update={"version": job.version})


def test_what_newer_code_wrote_outlives_a_write_of_ours(stage: Stage) -> None:
    job, lease = stage.started(count=2)
    stage.made(job, lease)
    stage.system.table.put(newer(stage.job(job.id)))
    stage.made(stage.job(job.id), lease, index=1)
    now = stage.clock.now
    lifecycle.apply(stage.system.table, stage.job(job.id), lambda j: lifecycle.cancel(j, now))
    kept = json.loads(stage.job(job.id).model_dump_json())
    assert kept["tomorrow"] == TOMORROWS
    assert [made.get("tomorrow") for made in kept["artworks"]] == [TOMORROWS, None]


def test_a_tombstone_keeps_nothing_of_it(stage: Stage) -> None:
    """Who deletes a job with old code must not leave what new code has stored of it."""
    job = newer(stage.succeeded())
    assert TOMORROWS not in lifecycle.bury(job, stage.clock.now).model_dump_json(
        exclude={"artworks"}
    )
    assert TOMORROWS in job.model_dump_json(exclude={"artworks"})


def test_a_message_of_newer_code_is_read_for_what_we_know() -> None:
    """Fields are only ever added, so it says at least what ours say."""
    told = json.loads(job_message("j")) | {"v": 2, "tomorrow": TOMORROWS}
    assert JobMessage.model_validate(told).job == "j"
    delivery = {"v": 2, "job": "j", "n": 0, "tomorrow": TOMORROWS}
    assert DeliveryMessage.model_validate(delivery).job == "j"


def test_a_message_of_the_first_version_is_still_read() -> None:
    """It may lie in a queue for two weeks."""
    assert JobMessage.model_validate_json('{"v":1,"job":"j"}').job == "j"
    first = DeliveryMessage.model_validate_json('{"v":1,"job":"j","n":0}')
    assert (first.round, first.at) == (None, None)
