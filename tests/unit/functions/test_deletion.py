"""A deleted job leaves nothing, whatever was under way and wherever the deletion broke off."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.announcing import announce, mirror
from functions.deletion import (
    GRACE,
    delete_job,
    purge,
    release,
    remove_upload,
    settle_upload,
)
from shared import lifecycle
from shared.contract import Status
from shared.errors import StaleAttempt, UploadNotFound
from shared.records import (
    DeliveryRecord,
    DropSource,
    JobRecord,
    PulseRecord,
    UploadRecord,
)
from shared.uploads import attach
from tests.unit.functions.stage import DROP, Stage, an_artwork, an_id, blobs_of


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage.at(tmp_path)


def everything(stage: Stage) -> set[str]:
    """The keys of all artworks and mirrors."""
    assert stage.system.settings.data is not None
    folder = stage.system.settings.data / "artworks"
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and ".scratch" not in path.parts
    }


def upload(stage: Stage, upload_id: str) -> UploadRecord | None:
    return stage.system.table.get(UploadRecord, upload_id)


def full_job(stage: Stage) -> JobRecord:
    """An announced job that has everything that a job can have."""
    job_id = an_id()
    photo = stage.upload(job_id)
    job = stage.succeeded(
        id=job_id,
        input={"image": {"upload": photo.id}, "text": "a secret prompt"},
        uploads=(photo.id,),
        drop=DROP,
        webhook="https://receiver.test/hook",
        metadata={"name": "a secret name"},
    )
    stage.system.table.put(PulseRecord(job=job.id, attempt=1))
    return announce(stage.system, job)


def test_nothing_is_left_but_the_id(stage: Stage) -> None:
    job = full_job(stage)
    neighbour = full_job(stage)
    stage.clock.pass_by(hours=1)
    buried = delete_job(stage.system, job)
    assert (buried.deleted, buried.status) == (True, Status.SUCCEEDED)
    assert "secret" not in buried.model_dump_json()
    assert "receiver" not in buried.model_dump_json()
    assert not any(job.id in key for key in everything(stage))
    assert stage.system.table.partition(DeliveryRecord, job.id) == []
    assert stage.system.table.get(PulseRecord, job.id) is None
    (photo,) = job.uploads
    assert upload(stage, photo) is None
    assert stage.system.inbox.head(f"uploads/ann/{photo}") is None
    assert any(neighbour.id in key for key in everything(stage))
    assert stage.delivery(neighbour.id).state == "pending"


def test_it_can_be_repeated(stage: Stage) -> None:
    job = full_job(stage)
    buried = delete_job(stage.system, job)
    again = delete_job(stage.system, job)
    assert again == buried
    assert delete_job(stage.system, buried) == buried


def test_a_running_job_is_canceled_and_its_worker_fenced_off(stage: Stage) -> None:
    job, lease = stage.started(count=2)
    job = stage.made(job, lease)
    buried = delete_job(stage.system, job)
    assert (buried.status, buried.holder) == (Status.CANCELED, None)
    with pytest.raises(StaleAttempt):
        lifecycle.append(buried, lease, an_artwork(1, b"late"))
    assert everything(stage) == set()
    assert not buried.announce


def test_what_a_zombie_stored_is_removed_the_second_time(stage: Stage) -> None:
    job, _ = stage.started()
    buried = delete_job(stage.system, job)
    for key, data in blobs_of(job, an_artwork(0, b"late"), b"late").items():
        stage.system.artworks.put(key, data, "image/png")
    purge(stage.system, buried)
    assert everything(stage) == set()


def test_an_announcement_that_raced_leaves_no_mirror(stage: Stage) -> None:
    job = stage.succeeded(drop=DROP, webhook="https://receiver.test/")
    buried = delete_job(stage.system, job)
    for key, data in blobs_of(job, job.artworks[0]).items():
        stage.system.artworks.put(key, data, "image/png")
    mirror(stage.system, job)
    assert any(key.startswith("mirror/") for key in everything(stage))
    purge(stage.system, buried)
    assert everything(stage) == set()


def test_the_mirror_of_a_later_drop_of_the_same_name_stays(stage: Stage) -> None:
    first = announce(stage.system, stage.succeeded(drop=DROP))
    job, lease = stage.started(drop=DROP)
    job = stage.made(job, lease, data=b"another")
    second = stage.system.table.put(lifecycle.succeed(job, lease, stage.clock.now))
    announce(stage.system, second)
    delete_job(stage.system, first)
    assert stage.system.artworks.get(DROP.mirror_key("ann", second.artworks[0])) == b"another"
    delete_job(stage.system, stage.job(second.id))
    assert everything(stage) == set()


def test_a_name_too_long_for_a_mirror_does_not_stop_the_deletion(stage: Stage) -> None:
    job = stage.succeeded(drop=DropSource(batch="summer", name="n" * 254))
    delete_job(stage.system, announce(stage.system, job))
    assert everything(stage) == set()


class Crash(Exception):
    pass


class Broken:
    """A bucket that cannot delete."""

    def __init__(self, blobs: Any) -> None:
        self.blobs = blobs

    def __getattr__(self, name: str) -> Any:
        return getattr(self.blobs, name)

    def delete(self, key: str) -> None:
        raise Crash(key)


@pytest.mark.parametrize("port", ["artworks", "inbox"])
def test_a_purge_that_broke_off_finds_everything_again(stage: Stage, port: str) -> None:
    job = full_job(stage)
    stage.clock.pass_by(hours=1)
    changed: dict[str, Any] = {port: Broken(getattr(stage.system, port))}
    broken = replace(stage.system, **changed)
    with pytest.raises(Crash):
        delete_job(broken, job)
    buried = stage.job(job.id)
    assert buried.deleted
    assert (buried.uploads, buried.drop, buried.artworks) == (job.uploads, job.drop, job.artworks)
    assert buried.wake_at == stage.clock.now + lifecycle.PURGE_AGAIN
    purge(stage.system, buried)
    assert everything(stage) == set()
    assert upload(stage, job.uploads[0]) is None


def test_an_upload_goes_with_its_last_job(stage: Stage) -> None:
    one, two = an_id(), an_id()
    photo = stage.upload(one, two)
    jobs = [stage.succeeded(id=job_id, uploads=(photo.id,)) for job_id in (one, two)]
    stage.clock.pass_by(hours=1)
    delete_job(stage.system, jobs[0])
    kept = upload(stage, photo.id)
    assert kept is not None
    assert kept.jobs == (two,)
    assert stage.system.inbox.get(photo.key) == b"photo"
    delete_job(stage.system, jobs[0])
    assert upload(stage, photo.id) == kept
    delete_job(stage.system, jobs[1])
    assert upload(stage, photo.id) is None
    assert stage.system.inbox.head(photo.key) is None


def test_an_upload_whose_url_is_still_open_is_looked_for_again(stage: Stage) -> None:
    job_id = an_id()
    photo = stage.upload(job_id)
    delete_job(stage.system, stage.succeeded(id=job_id, uploads=(photo.id,)))
    assert stage.system.inbox.head(photo.key) is None
    left = upload(stage, photo.id)
    assert left is not None
    assert (left.jobs, left.due_at) == ((), photo.expires_at + GRACE)
    stage.system.inbox.put(photo.key, b"late!", "image/png")
    stage.clock.now = photo.expires_at + GRACE
    remove_upload(stage.system, left)
    assert stage.system.inbox.head(photo.key) is None
    assert upload(stage, photo.id) is None


def test_an_upload_that_a_job_takes_at_this_moment_stays(stage: Stage) -> None:
    photo = stage.upload()
    attach(stage.system.table, photo.id, an_id(), stage.clock.now)
    stage.clock.pass_by(days=2)
    remove_upload(stage.system, photo)
    assert upload(stage, photo.id) is not None
    assert stage.system.inbox.get(photo.key) == b"photo"


def test_an_upload_that_is_being_removed_is_taken_by_no_job(stage: Stage) -> None:
    job_id = an_id()
    photo = stage.upload(job_id)
    delete_job(stage.system, stage.succeeded(id=job_id, uploads=(photo.id,)))
    assert stage.clock.now < photo.expires_at  # its URL is open, and so its record is kept
    with pytest.raises(UploadNotFound):
        attach(stage.system.table, photo.id, an_id(), stage.clock.now)


def test_a_job_that_was_never_written_keeps_no_upload_for_ever(stage: Stage) -> None:
    one, never = an_id(), an_id()
    photo = stage.upload(one)
    job = stage.succeeded(id=one, uploads=(photo.id,))
    attach(stage.system.table, photo.id, never, stage.clock.now)
    stage.clock.pass_by(days=1, minutes=1)
    bound = upload(stage, photo.id)
    assert bound
    settle_upload(stage.system, bound, stage.clock.now)
    settled = upload(stage, photo.id)
    assert settled
    assert (settled.jobs, settled.due_at) == ((one,), None)
    delete_job(stage.system, job)
    assert upload(stage, photo.id) is None
    assert stage.system.inbox.head(photo.key) is None


def test_an_upload_that_is_gone_already(stage: Stage) -> None:
    release(stage.system, an_id(), an_id())


def test_what_leads_to_the_rest_is_kept_until_it_is_purged(stage: Stage) -> None:
    buried = delete_job(stage.system, full_job(stage))
    assert buried.uploads
    purged = lifecycle.purged(buried)
    assert (purged.uploads, purged.drop, purged.artworks, purged.wake_at) == ((), None, (), None)
    assert timedelta(minutes=10) < lifecycle.PURGE_AGAIN
