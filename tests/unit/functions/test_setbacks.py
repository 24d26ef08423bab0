"""However many records cannot be settled, the others are."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from functions.sweep import due
from functions.sweep.due import sweep
from functions.sweep.setbacks import FIRST_WAIT, LAST_WAIT, MOST, Setbacks
from shared import lifecycle
from shared.errors import Unavailable
from shared.records import Record, due_shard
from tests.unit.functions.stage import Stage, a_job

LANE = "standard-interactive"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage.at(tmp_path)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_poisoned_records_at_the_head_do_not_block_their_shard(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison = {stage.put(wake_at=stage.clock.now).id for _ in range(60)}
    stage.clock.pass_by(minutes=1)
    good = {stage.put(wake_at=stage.clock.now).id for _ in range(60)}
    real = due.settle

    def settle(system: Any, record: Record, now: datetime) -> None:
        if record.pk in poison:
            raise ValueError("poison")
        real(system, record, now)

    monkeypatch.setattr(due, "settle", settle)
    setbacks = Setbacks()
    for _ in range(60):
        sweep(stage.system, per_shard=1, setbacks=setbacks)
    assert {one["job"] for one in stage.messages(LANE)} == good
    assert len(setbacks) == len(poison)


def test_a_record_waits_twice_as_long_each_time_and_is_forgotten_when_it_is_settled(
    stage: Stage,
) -> None:
    clock = Clock()
    setbacks, record = Setbacks(clock), stage.put()
    waits = []
    for _ in range(10):
        setbacks.note(record, settled=False)
        begun = clock.now
        while setbacks.waits(record):
            clock.now += FIRST_WAIT
        waits.append(clock.now - begun)
    assert waits[:3] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]
    assert waits[-1] == LAST_WAIT
    setbacks.note(record, settled=True)
    assert len(setbacks) == 0


def test_so_many_are_remembered_and_no_more(stage: Stage) -> None:
    setbacks = Setbacks()
    for _ in range(MOST + 5):
        setbacks.note(a_job(stage.clock.now), settled=False)
    assert len(setbacks) == MOST


class OneShardDown:
    """A table that cannot list one shard."""

    def __init__(self, table: Any, shard: int) -> None:
        self.table, self.shard = table, shard

    def due(self, shard: int, now: datetime, limit: int) -> list[Record]:
        if shard == self.shard:
            raise Unavailable("not now")
        found: list[Record] = self.table.due(shard, now, limit)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self.table, name)


def test_a_shard_that_cannot_be_read_does_not_stop_the_others(stage: Stage) -> None:
    jobs = [stage.put() for _ in range(40)]
    stage.clock.now += lifecycle.LOOK_AGAIN
    down = due_shard(jobs[0].id)
    table = OneShardDown(stage.system.table, down)
    assert sweep(replace(stage.system, table=table)).failed == 1  # type: ignore[arg-type]
    reached = {one["job"] for one in stage.messages(LANE)}
    assert reached == {job.id for job in jobs if due_shard(job.id) != down}
