"""What got lost is found, what is overdue ends, and one bad record stops nobody."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.announcing import announce
from functions.deletion import GRACE, delete_job
from functions.delivery import MAX_DELAY, deliver
from functions.sweep import due
from functions.sweep import handler as sweeper
from functions.sweep.due import DELIVERY_GRACE, Swept, shards, sweep
from shared import lifecycle
from shared.contract import JobError, Status
from shared.message import DeliveryMessage
from shared.records import DUE_SHARDS, JobRecord, Record, UploadRecord, due_shard
from shared.uploads import attach
from tests.receiver import Reply, receiving
from tests.unit.functions.stage import DROP, Stage, an_artwork, an_id, blobs_of

LANE = "standard-interactive"


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage.at(tmp_path)
    monkeypatch.setattr(sweeper, "connect", lambda: stage.system)
    return stage


def upload(stage: Stage, upload_id: str) -> UploadRecord | None:
    return stage.system.table.get(UploadRecord, upload_id)


def waiting(stage: Stage, data: bytes | None, **fields: Any) -> tuple[JobRecord, UploadRecord]:
    """A job that waits for its upload, of which `data` has come."""
    job_id = an_id()
    photo = stage.upload(job_id, data=data, starts=job_id)
    job = stage.put(
        id=job_id,
        uploads=(photo.id,),
        status=Status.AWAITING_UPLOAD,
        queued_at=None,
        wake_at=photo.expires_at,
        **fields,
    )
    return job, photo


def test_when_nothing_is_due_nothing_is_done(stage: Stage) -> None:
    stage.put()
    stage.upload()
    announce(stage.system, stage.succeeded(webhook="https://receiver.test/"))
    stage.messages()
    assert sweep(stage.system) == Swept(1, 0)  # the delivery, whose message is on its way
    assert stage.messages() == stage.messages(LANE) == []


def test_a_queued_job_that_nobody_took_has_its_message_sent_again(stage: Stage) -> None:
    job = stage.put()
    bulk = stage.put(lane="bulk", tenant="bob")
    stage.clock.now += lifecycle.LOOK_AGAIN
    assert sweep(stage.system) == Swept(2, 0)
    assert stage.messages(LANE) == [{"v": 1, "job": job.id}]
    (letter,) = stage.system.queue("standard-bulk").receive(10, 60)
    assert letter.group == "bob"
    assert bulk.id in letter.body
    looked = stage.job(job.id)
    assert looked.wake_at == stage.clock.now + lifecycle.LOOK_AGAIN
    assert looked.status is Status.QUEUED


def test_the_waits_grow(stage: Stage) -> None:
    job = stage.put()
    sent = 0
    for _ in range(24 * 60 // 5):
        stage.clock.pass_by(minutes=5)
        sweep(stage.system)
        sent += len(stage.messages(LANE))
    assert 5 <= sent <= 8
    assert stage.job(job.id).status is Status.QUEUED


def test_a_running_job_whose_message_got_lost_is_sent_again_and_left_to_its_worker(
    stage: Stage,
) -> None:
    job, lease = stage.started()
    stage.clock.now += lifecycle.LOOK_AGAIN
    sweep(stage.system)
    assert stage.messages(LANE) == [{"v": 1, "job": job.id}]
    looked = stage.job(job.id)
    assert (looked.status, looked.holder) == (Status.RUNNING, lease.holder)


@pytest.mark.parametrize("deadline", ["start_by", "finish_by"])
def test_a_job_whose_deadline_has_passed_expires_and_says_so(stage: Stage, deadline: str) -> None:
    job = stage.put(**{deadline: stage.clock.now + timedelta(minutes=2)})
    stage.clock.pass_by(minutes=2)
    sweep(stage.system)
    expired = stage.job(job.id)
    assert (expired.status, expired.announce) == (Status.EXPIRED, True)
    assert stage.messages(LANE) == []
    stage.clock.now += lifecycle.ANNOUNCE_AGAIN
    sweep(stage.system)
    assert [told["event"]["type"] for told in stage.published()] == ["job.expired"]


def test_a_running_job_expires_at_the_time_by_which_it_was_to_be_done(stage: Stage) -> None:
    soon = stage.clock.now + timedelta(minutes=2)
    job, lease = stage.started(start_by=soon)
    late, late_lease = stage.started(finish_by=soon)
    stage.clock.pass_by(minutes=3)
    sweep(stage.system)
    assert stage.job(job.id).status is Status.RUNNING
    assert stage.job(late.id).status is Status.EXPIRED
    lease.check(stage.job(job.id))
    assert late_lease.holder != stage.job(late.id).holder


def test_an_upload_whose_event_never_came_starts_its_job(stage: Stage) -> None:
    job, photo = waiting(stage, b"photo")
    stage.clock.now = photo.expires_at
    sweep(stage.system)
    assert stage.job(job.id).status is Status.QUEUED
    assert stage.messages(LANE) == [{"v": 1, "job": job.id}]


@pytest.mark.parametrize("data", [None, b"pho"])
def test_an_upload_that_did_not_come_whole_lets_its_job_expire(
    stage: Stage, data: bytes | None
) -> None:
    job, photo = waiting(stage, data)
    stage.clock.now = photo.expires_at
    sweep(stage.system)
    assert stage.job(job.id).status is Status.EXPIRED
    assert stage.messages(LANE) == []


def test_an_upload_that_came_after_the_deadline_does_not_start_its_job(stage: Stage) -> None:
    job, _ = waiting(stage, b"photo", finish_by=stage.clock.now + timedelta(minutes=1))
    stage.clock.pass_by(minutes=1)
    sweep(stage.system)
    assert stage.job(job.id).status is Status.EXPIRED


def test_another_upload_of_the_job_does_not_start_it(stage: Stage) -> None:
    job, photo = waiting(stage, None)
    style = stage.upload(job.id)
    job = stage.system.table.put(job.model_copy(update={"uploads": (style.id, photo.id)}))
    stage.clock.now = photo.expires_at
    sweep(stage.system)
    assert stage.job(job.id).status is Status.EXPIRED


def test_a_job_that_was_canceled_just_now_is_neither_sent_nor_due(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, photo = waiting(stage, b"photo")
    stage.clock.now = photo.expires_at
    has_come = due._has_come

    def meanwhile(system: Any, seen: JobRecord) -> bool:
        canceled = lifecycle.apply(
            system.table, seen, lambda job: lifecycle.cancel(job, stage.clock.now)
        )
        announce(system, canceled)
        return has_come(system, seen)

    monkeypatch.setattr(due, "_has_come", meanwhile)
    sweep(stage.system)
    assert stage.job(job.id).status is Status.CANCELED
    assert stage.job(job.id).wake_at is None
    assert stage.messages(LANE) == []


def test_an_end_that_nobody_was_woken_for_is_announced(stage: Stage) -> None:
    job = stage.succeeded(webhook="https://receiver.test/", drop=DROP)
    sweep(stage.system)
    assert stage.published() == []  # `notify` has a minute
    stage.clock.now += lifecycle.ANNOUNCE_AGAIN
    assert sweep(stage.system) == Swept(1, 0)
    assert [told["id"] for told in stage.published()] == [f"evt_{job.id}"]
    assert not stage.job(job.id).announce
    assert stage.messages()
    assert sweep(stage.system).failed == 0


class Crash(Exception):
    pass


@dataclass
class Mute:
    """A topic that is down."""

    calls: int = 0

    def publish(self, events: Mapping[str, object]) -> None:
        self.calls += 1
        raise Crash(*events)


def test_an_announcement_that_fails_is_told_backs_off_and_stops_nobody(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = stage.succeeded()
    queued = [stage.put() for _ in range(20)]
    mute = Mute()
    down = replace(stage.system, topic=mute)
    monkeypatch.setattr(sweeper, "connect", lambda: down)
    stage.clock.now += lifecycle.LOOK_AGAIN
    with pytest.raises(sweeper.SweepFailed, match="1 of 21"):
        sweeper.handler({"source": "aws.events"}, None)
    assert len(stage.messages(LANE)) == len(queued)
    assert stage.job(job.id).announce
    assert sweeper.handler({}, None) == {"settled": 0, "failed": 0}
    for _ in range(60):
        stage.clock.pass_by(minutes=1)
        sweep(down)
    assert mute.calls <= 4
    stage.clock.pass_by(days=1)
    sweep(stage.system)
    assert not stage.job(job.id).announce


def test_a_job_is_deleted_when_its_time_is_over(tmp_path: Path) -> None:
    stage = Stage.at(tmp_path, retention_days=7)
    job = announce(stage.system, stage.succeeded(drop=DROP))
    stage.clock.pass_by(days=6, hours=23)
    sweep(stage.system)
    assert not stage.job(job.id).deleted
    stage.clock.pass_by(hours=2)
    sweep(stage.system)
    assert stage.job(job.id).deleted
    assert list(stage.system.artworks.keys(f"ann/{job.id}/")) == []
    assert list(stage.system.artworks.keys("mirror/")) == []


def test_retention_is_what_the_settings_say_today(tmp_path: Path) -> None:
    stage = Stage.at(tmp_path, retention_days=7)
    job = announce(stage.system, stage.succeeded())
    stage.clock.pass_by(days=8)
    for days, wake_at in ((30, timedelta(days=30)), (0, None)):
        settings = stage.system.settings.model_copy(update={"retention_days": days})
        sweep(replace(stage.system, settings=settings))
        kept = stage.job(job.id)
        assert not kept.deleted
        assert job.ended_at is not None
        assert kept.wake_at == (job.ended_at + wake_at if wake_at else None)
        stage.clock.pass_by(days=30)


def test_a_job_that_is_kept_for_ever_is_never_due(stage: Stage) -> None:
    job = announce(stage.system, stage.succeeded())
    stage.clock.pass_by(days=3650)
    assert sweep(stage.system) == Swept(0, 0)
    assert not stage.job(job.id).deleted


@pytest.mark.parametrize("days", [0, 7])
def test_what_an_attempt_left_behind_is_removed_and_the_job_is_kept_as_long_as_before(
    tmp_path: Path, days: int
) -> None:
    stage = Stage.at(tmp_path, retention_days=days)
    job, lease = stage.started(count=2)
    job = stage.made(job, lease)
    for key, data in blobs_of(job, an_artwork(1, b"lost"), b"lost").items():
        stage.system.artworks.put(key, data, "image/png")
    error = JobError(code="model_failed", message="no", retryable=False)
    failed = stage.system.table.put(lifecycle.fail(job, lease, error, stage.clock.now))
    sweep(stage.system)
    assert len(list(stage.system.artworks.keys(f"ann/{job.id}/"))) == 6
    announce(stage.system, failed)
    stage.clock.now += lifecycle.TIDY_AFTER
    sweep(stage.system)
    tidied = stage.job(job.id)
    kept = set(stage.system.artworks.keys(f"ann/{job.id}/"))
    assert kept == set(failed.artworks[0].keys("ann", job.id))
    assert (tidied.untidy, tidied.status) == (False, Status.FAILED)
    assert failed.ended_at is not None
    assert tidied.wake_at == (failed.ended_at + timedelta(days=days) if days else None)
    stage.clock.pass_by(days=8)
    sweep(stage.system)
    assert stage.job(job.id).deleted is bool(days)


def test_an_untidy_job_is_announced_before_it_is_tidied_and_can_be_deleted_meanwhile(
    stage: Stage,
) -> None:
    job, lease = stage.started()
    stage.system.artworks.put(f"ann/{job.id}/0-orphan.png", b"?", "image/png")
    canceled = stage.system.table.put(lifecycle.confirm_cancel(job, lease, stage.clock.now))
    stage.clock.now += lifecycle.TIDY_AFTER
    sweep(stage.system)
    assert (stage.job(job.id).announce, stage.job(job.id).untidy) == (False, True)
    delete_job(stage.system, stage.job(canceled.id))
    assert list(stage.system.artworks.keys(f"ann/{job.id}/")) == []
    stage.clock.now += lifecycle.PURGE_AGAIN
    sweep(stage.system)
    assert stage.job(job.id).purged


def test_a_deleted_job_is_purged_again_when_every_lease_has_lapsed(stage: Stage) -> None:
    job, _ = stage.started(drop=DROP)
    buried = delete_job(stage.system, job)
    late = blobs_of(job, an_artwork(0, b"late"), b"late")
    for key, data in late.items():
        stage.system.artworks.put(key, data, "image/png")
    sweep(stage.system)
    assert len(list(stage.system.artworks.keys(f"ann/{job.id}/"))) == 3
    stage.clock.now += lifecycle.PURGE_AGAIN
    sweep(stage.system)
    assert list(stage.system.artworks.keys(f"ann/{job.id}/")) == []
    purged = stage.job(job.id)
    assert (purged.deleted, purged.wake_at, purged.drop) == (True, None, None)
    assert purged.id == buried.id
    assert sweep(stage.system) == Swept(0, 0)


def test_an_upload_that_no_job_used_is_removed(stage: Stage) -> None:
    photo = stage.upload()
    assert photo.due_at is not None
    stage.clock.now = photo.due_at
    sweep(stage.system)
    assert upload(stage, photo.id) is not None  # clocks differ: a minute of grace
    stage.clock.now += GRACE
    sweep(stage.system)
    assert upload(stage, photo.id) is None
    assert stage.system.inbox.head(photo.key) is None


def test_an_upload_that_a_job_uses_stays(stage: Stage) -> None:
    photo = stage.upload()
    job = stage.put(uploads=(photo.id,))
    attach(stage.system.table, photo.id, job.id, stage.clock.now)
    stage.clock.pass_by(days=2)
    sweep(stage.system)
    assert stage.system.inbox.get(photo.key) == b"photo"


def test_an_upload_that_is_due_though_it_is_used_is_due_no_more(stage: Stage) -> None:
    job = stage.put()
    photo = stage.upload(job.id, due_at=stage.clock.now)
    stage.clock.now += GRACE
    sweep(stage.system)
    kept = upload(stage, photo.id)
    assert kept is not None
    assert (kept.due_at, kept.jobs) == (None, (job.id,))


def test_an_upload_of_a_job_that_was_never_written_is_removed(stage: Stage) -> None:
    photo = stage.upload(an_id(), due_at=stage.clock.now + timedelta(days=1))
    stage.clock.pass_by(days=2)
    sweep(stage.system)
    assert upload(stage, photo.id) is None


def test_a_webhook_whose_message_got_lost_is_tried(stage: Stage) -> None:
    with receiving() as receiver:
        job = announce(stage.system, stage.succeeded(webhook=receiver.url()))
        stage.messages()
        stage.clock.pass_by(seconds=59)
        sweep(stage.system)
        assert stage.messages() == []
        stage.clock.now += DELIVERY_GRACE
        sweep(stage.system)
        assert stage.delivery(job.id).next_try_at == stage.clock.now + MAX_DELAY
        sweep(stage.system)
        (message,) = stage.messages()
        deliver(stage.system, DeliveryMessage.model_validate(message))
    assert stage.delivery(job.id).state == "delivered"
    assert len(receiver.requests) == 1


def test_a_wait_too_long_for_a_message_ends_by_sweep(stage: Stage) -> None:
    with receiving(Reply(500), Reply(200)) as receiver:
        job = announce(stage.system, stage.succeeded(webhook=receiver.url()))
        later = stage.delivery(job.id).model_copy(update={"round": 6})
        stage.system.table.put(later)
        deliver(stage.system, DeliveryMessage(job=job.id, n=0, round=6))
        stage.messages()
        planned = stage.delivery(job.id).next_try_at
        assert planned is not None
        assert planned > stage.clock.now + timedelta(hours=1)
        stage.clock.now = planned + DELIVERY_GRACE
        sweep(stage.system)
        (message,) = stage.messages()
        deliver(stage.system, DeliveryMessage.model_validate(message))
    assert stage.delivery(job.id).state == "delivered"


def test_a_delivered_webhook_is_never_due(stage: Stage) -> None:
    with receiving() as receiver:
        job = announce(stage.system, stage.succeeded(webhook=receiver.url()))
        deliver(stage.system, DeliveryMessage(job=job.id, n=0, round=0))
        stage.messages()
    stage.clock.pass_by(days=1)
    assert sweep(stage.system) == Swept(0, 0)


def test_work_is_bounded_and_goes_on_the_next_time(stage: Stage) -> None:
    for _ in range(60):
        stage.put()
    stage.clock.now += lifecycle.LOOK_AGAIN
    assert sweep(stage.system, per_shard=1).settled <= DUE_SHARDS
    assert sweep(stage.system, budget_seconds=0) == Swept(0, 0)
    for _ in range(60):
        sweep(stage.system, per_shard=1)
    assert len(stage.messages(LANE)) == 60


def test_every_shard_is_swept_and_each_comes_first_in_turn(stage: Stage) -> None:
    first = [shards(stage.clock.now + timedelta(minutes=n))[0] for n in range(DUE_SHARDS)]
    assert set(first) == set(range(DUE_SHARDS))
    assert all(
        sorted(shards(stage.clock.now + timedelta(minutes=n))) == list(range(DUE_SHARDS))
        for n in range(DUE_SHARDS)
    )
    assert {due_shard(stage.put().id) for _ in range(200)} == set(range(DUE_SHARDS))


@dataclass(frozen=True)
class Stale:
    """A table whose `due` index lags behind."""

    table: Any
    seen: list[Record]

    def due(self, shard: int, now: datetime, limit: int) -> list[Record]:
        return [record for record in self.seen if due_shard(record.pk) == shard]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.table, name)


def test_an_index_that_lags_behind_misleads_nobody(stage: Stage) -> None:
    job, lease = stage.started(finish_by=stage.clock.now + timedelta(minutes=1))
    photo = stage.upload()
    done = stage.made(job, lease)
    done = stage.system.table.put(lifecycle.succeed(done, lease, stage.clock.now))
    announced = announce(stage.system, done)
    attach(stage.system.table, photo.id, job.id, stage.clock.now)
    gone = stage.put()
    stage.system.table.delete(gone)
    stage.clock.pass_by(days=2)
    stale = Stale(stage.system.table, [job, done, photo, gone])
    assert sweep(replace(stage.system, table=stale)) == Swept(4, 0)
    assert stage.job(job.id) == announced
    assert stage.system.inbox.get(photo.key) == b"photo"
    assert len(stage.published()) == 1
