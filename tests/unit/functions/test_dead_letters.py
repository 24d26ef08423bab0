"""A dead letter says little of its job: the table decides what becomes of both."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from functions.dead_letters import dead, job_queues
from functions.sweep.due import Swept, sweep
from shared import lifecycle
from shared.contract import Status
from shared.errors import Unavailable
from shared.message import job_message
from shared.records import JobRecord
from tests.unit.functions.stage import Stage, an_id, bodies

LANE = "standard-interactive"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage.at(tmp_path, patience=3600.0)


def dies(stage: Stage, *letters: str, lane: str = LANE) -> None:
    for body in letters:
        stage.system.queue(dead(lane)).send(body, "ann")


def left(stage: Stage, lane: str = LANE) -> list[str]:
    return list(bodies(stage.system.queue(dead(lane))))


def test_the_queues_are_those_of_every_fleet(stage: Stage) -> None:
    assert {"standard-interactive", "standard-bulk"} <= set(job_queues(stage.system))
    cloud = stage.system.settings.model_copy(update={"data": None, "queues": {dead(LANE): "url"}})
    assert job_queues(replace(stage.system, settings=cloud)) == [LANE]


def test_what_has_ended_or_is_gone_needs_no_letter(stage: Stage) -> None:
    ended = stage.succeeded()
    dies(stage, job_message(ended.id), job_message(an_id()), "nothing", "{}")
    assert sweep(stage.system) == Swept(4, 0)
    assert left(stage) == []
    assert stage.messages(LANE) == []
    assert stage.job(ended.id) == ended


def test_a_job_that_waits_for_its_upload_is_sent_when_that_has_come(stage: Stage) -> None:
    job = stage.put(status=Status.AWAITING_UPLOAD, queued_at=None)
    dies(stage, job_message(job.id))
    sweep(stage.system)
    assert (left(stage), stage.messages(LANE)) == ([], [])
    assert stage.job(job.id).status is Status.AWAITING_UPLOAD


def test_what_is_held_is_sent_again_and_left_to_its_worker(stage: Stage) -> None:
    job, lease = stage.started(lane="bulk")
    dies(stage, job_message(job.id), lane="standard-bulk")
    for _ in range(3):
        stage.clock.pass_by(hours=5)
        dies(stage, job_message(job.id), lane="standard-bulk")
        sweep(stage.system)
    lease.check(stage.job(job.id))
    assert {one["job"] for one in stage.messages("standard-bulk")} == {job.id}
    assert left(stage, "standard-bulk") == []


def test_what_nobody_takes_is_sent_again_while_there_is_patience_and_then_fails(
    stage: Stage,
) -> None:
    job = stage.put(webhook="https://receiver.test/")
    stage.clock.pass_by(days=3)  # a long backlog is no trouble
    for _ in range(3):
        dies(stage, job_message(job.id))
        sweep(stage.system)
        assert stage.job(job.id).status is Status.QUEUED
        assert {one["job"] for one in stage.messages(LANE)} == {job.id}
        stage.clock.pass_by(minutes=30)
    dies(stage, job_message(job.id))
    sweep(stage.system)
    failed = stage.job(job.id)
    assert (failed.status, failed.announce) == (Status.FAILED, True)
    assert failed.error
    assert failed.error.code == "dead_letter"
    assert "paint 1" in failed.error.message
    stage.messages(LANE)
    assert left(stage) == []


def test_trouble_is_over_when_an_artwork_was_made(stage: Stage) -> None:
    job, lease = stage.started(count=2, troubled_since=stage.clock.now)
    made = stage.made(job, lease)
    assert made.troubled_since is None
    stage.system.table.put(lifecycle.hand_back(made, lease, stage.clock.now))
    stage.clock.pass_by(days=1)
    dies(stage, job_message(job.id))
    sweep(stage.system)
    assert stage.job(job.id).status is Status.RUNNING


class Failing:
    """A table that cannot read one job."""

    def __init__(self, table: Any, job_id: str) -> None:
        self.table, self.job_id = table, job_id

    def get(self, kind: Any, pk: str, sk: str | None = None) -> Any:
        if pk == self.job_id:
            raise Unavailable("not now")
        return self.table.get(kind, pk, sk)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.table, name)


def test_one_that_cannot_be_examined_stays_and_stops_nobody(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.dead_letters.VISIBILITY_SECONDS", 0.001)
    bad, good = stage.put(), stage.put()
    dies(stage, job_message(bad.id), job_message(good.id))
    table = Failing(stage.system.table, bad.id)
    assert sweep(replace(stage.system, table=table)).failed >= 1  # type: ignore[arg-type]
    assert {one["job"] for one in stage.messages(LANE)} == {good.id}
    time.sleep(0.1)
    sweep(stage.system)
    assert {one["job"] for one in stage.messages(LANE)} == {bad.id}


def test_a_dead_letter_is_never_buried_deeper(stage: Stage) -> None:
    queue = stage.system.queue(dead(LANE))
    queue.send("a", "ann")
    for _ in range(150):
        (letter,) = queue.receive(1, 0)
    queue.delete(letter)
    assert left(stage, dead(LANE)) == []


def test_work_on_them_is_bounded(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("functions.dead_letters.MOST_LETTERS", 15)
    ended: JobRecord = stage.succeeded()
    dies(stage, *[job_message(ended.id)] * 20)
    assert sweep(stage.system) == Swept(15, 0)
    assert sweep(stage.system) == Swept(5, 0)
