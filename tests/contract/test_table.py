"""The promises of `shared.ports.Table`."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import pytest

from shared.contract import Status
from shared.errors import WriteConflict
from shared.records import (
    DeliveryRecord,
    DropSource,
    IdempotencyRecord,
    JobRecord,
    KeyRecord,
    PulseRecord,
    Record,
    UploadRecord,
    due_shard,
)
from tests.contract.worlds import HOUR, NOW, World, job

THREADS = 8
ROUNDS = 5


def key_record(digest: str) -> KeyRecord:
    return KeyRecord(id=digest, digest=digest, tenant="ada", name="laptop", created_at=NOW)


def remembered(expires_at: datetime, fingerprint: str = "first") -> IdempotencyRecord:
    return IdempotencyRecord(
        tenant="ada",
        route="jobs",
        key="k",
        fingerprint=fingerprint,
        target="job-1",
        expires_at=expires_at,
    )


def delivery(n: int, due_at: datetime | None = None) -> DeliveryRecord:
    return DeliveryRecord(
        job="job-1",
        tenant="ada",
        n=n,
        event_id=f"event-{n}",
        event_type="job.succeeded",
        url="https://example.com",
        body="{}",
        next_try_at=due_at,
    )


RACY = pytest.mark.unfit_for("moto", "in one process it reads and writes without a lock")


class TestOneRecord:
    def test_comes_back_as_it_was_written(self, world: World) -> None:
        stored = world.table.put(job(metadata={"title": "星夜 + 100 %"}, wake_at=NOW))
        assert stored.version == 1
        assert world.table.get(JobRecord, "job-1") == stored

    def test_is_absent_until_written_and_after_deletion(self, world: World) -> None:
        assert world.table.get(JobRecord, "job-1") is None
        stored = world.table.put(job())
        world.table.delete(stored.model_copy(update={"version": 77}))
        assert world.table.get(JobRecord, "job-1") is None
        world.table.delete(stored)

    def test_is_found_by_its_sort_key(self, world: World) -> None:
        world.table.put(delivery(1))
        world.table.put(delivery(2))
        found = world.table.get(DeliveryRecord, "job-1", "delivery#002")
        assert found is not None
        assert found.event_id == "event-2"

    def test_is_found_among_many(self, world: World) -> None:
        """However many are asked for, and one of them twice."""
        stored = {name: world.table.put(job(name)) for name in ("job-1", "job-2", "job-3")}
        world.table.delete(stored.pop("job-2"))
        nobody = [f"nobody-{number}" for number in range(120)]
        asked = ["job-1", "job-2", *nobody, "job-3", "job-1"]
        assert world.table.get_many(JobRecord, asked) == stored
        assert world.table.get_many(PulseRecord, asked) == {}
        assert world.table.get_many(JobRecord, []) == {}

    def test_is_the_one_that_now_is_among_many(self, world: World) -> None:
        first = world.table.put(job())
        second = world.table.put(first.model_copy(update={"attempt": 1}))
        assert world.table.get_many(JobRecord, ["job-1"]) == {"job-1": second}

    def test_can_be_written_again_after_its_deletion(self, world: World) -> None:
        world.table.delete(world.table.put(world.table.put(job())))
        assert world.table.put(job()).version == 1


class TestConditionalWrites:
    def test_a_record_is_made_once(self, world: World) -> None:
        world.table.put(job())
        with pytest.raises(WriteConflict):
            world.table.put(job())
        with pytest.raises(WriteConflict):
            world.table.put(job(seed=2))
        assert world.table.get(JobRecord, "job-1") == job(version=1)

    def test_a_version_is_written_once(self, world: World) -> None:
        first = world.table.put(job())
        second = world.table.put(first.model_copy(update={"attempt": 1}))
        assert second.version == 2
        for attempt in (1, 2):
            with pytest.raises(WriteConflict):
                world.table.put(first.model_copy(update={"attempt": attempt}))
        assert world.table.get(JobRecord, "job-1") == second

    def test_what_is_gone_is_not_written_back(self, world: World) -> None:
        stored = world.table.put(job())
        world.table.delete(stored)
        with pytest.raises(WriteConflict):
            world.table.put(stored)
        assert world.table.get(JobRecord, "job-1") is None

    @RACY
    def test_a_race_has_one_winner_for_each_version(self, world: World) -> None:
        """Eight threads write the very same bytes at once: their bodies do not tell them apart."""
        start = Barrier(THREADS)

        def increment(_: int) -> list[int]:
            start.wait(30)
            return [beat for _ in range(ROUNDS) if (beat := try_to_beat(world))]

        world.table.put(PulseRecord(job="job-1", attempt=1))
        with ThreadPoolExecutor(THREADS) as pool:
            won = sorted(beat for beats in pool.map(increment, range(THREADS)) for beat in beats)
        final = world.table.get(PulseRecord, "job-1")
        assert final is not None
        assert won == list(range(1, final.beat + 1))
        assert final.version == final.beat + 1
        assert final.beat >= ROUNDS

    @RACY
    def test_a_race_to_make_a_record_has_one_winner(self, world: World) -> None:
        start = Barrier(THREADS)

        def make(_: int) -> bool:
            start.wait(30)
            return put_or_lose(world, job())

        with ThreadPoolExecutor(THREADS) as pool:
            assert sum(pool.map(make, range(THREADS))) == 1


def try_to_beat(world: World) -> int | None:
    """One compare-and-swap: the beat that was written, None when the race was lost."""
    pulse = world.table.get(PulseRecord, "job-1")
    assert pulse is not None
    following = pulse.model_copy(update={"beat": pulse.beat + 1})
    return following.beat if put_or_lose(world, following) else None


def put_or_lose(world: World, record: Record) -> bool:
    try:
        world.table.put(record)
    except WriteConflict:
        return False
    return True


class TestExpiry:
    def test_what_has_expired_is_not_there(self, world: World) -> None:
        gone = world.table.put(remembered(NOW - HOUR))
        assert world.table.get(IdempotencyRecord, gone.pk) is None
        assert world.table.partition(IdempotencyRecord, gone.pk) == []

    def test_what_will_expire_is_there(self, world: World) -> None:
        kept = world.table.put(remembered(NOW + HOUR))
        assert world.table.get(IdempotencyRecord, kept.pk) == kept

    def test_what_has_expired_is_replaced_as_if_it_had_never_been(self, world: World) -> None:
        world.table.put(remembered(NOW - HOUR))
        fresh = world.table.put(remembered(NOW + HOUR, "second"))
        assert fresh.version == 1
        assert world.table.get(IdempotencyRecord, fresh.pk) == fresh
        with pytest.raises(WriteConflict):
            world.table.put(remembered(NOW + HOUR, "third"))

    def test_an_expired_tombstone_is_in_no_list(self, world: World) -> None:
        long_ago = NOW - timedelta(days=31)
        dead = job(status=Status.CANCELED, deleted=True, ended_at=long_ago, wake_at=None)
        world.table.put(dead)
        assert world.table.get(JobRecord, "job-1") is None
        assert world.table.owned(JobRecord, dead.tenant, None, 10) == []
        assert world.table.due(due_shard("job-1"), NOW, 10) == []


class TestOutbox:
    def test_a_record_with_news_wakes_notify(self, world: World) -> None:
        stored = world.table.put(job())
        assert world.announced() == []
        ended = stored.model_copy(update={"status": Status.SUCCEEDED, "announce": True})
        world.table.put(ended)
        assert world.announced() == ["job-1"]

    def test_a_write_that_lost_wakes_nobody(self, world: World) -> None:
        stored = world.table.put(job())
        world.table.put(stored)
        with pytest.raises(WriteConflict):
            world.table.put(stored.model_copy(update={"announce": True}))
        with pytest.raises(WriteConflict):
            world.table.put(job(announce=True))
        assert world.announced() == []

    def test_what_was_announced_wakes_nobody_again(self, world: World) -> None:
        stored = world.table.put(job("job-2", announce=True))
        before = world.announced()
        world.table.put(stored.model_copy(update={"announce": False}))
        assert world.announced().count("job-2") <= len(before)


class TestPartition:
    def test_holds_one_kind_in_order(self, world: World) -> None:
        world.table.put(job())
        world.table.put(PulseRecord(job="job-1", attempt=1))
        for n in (10, 2, 1):
            world.table.put(delivery(n))
        world.table.put(job("job-10"))
        found = world.table.partition(DeliveryRecord, "job-1")
        assert [record.n for record in found] == [1, 2, 10]
        assert world.table.partition(JobRecord, "job-1") == [job(version=1)]
        assert world.table.partition(DeliveryRecord, "job-10") == []


class TestOwned:
    def ids(self, found: list[JobRecord]) -> list[str]:
        return [record.id for record in found]

    def fill(self, world: World) -> None:
        for number in range(1, 8):
            status = Status.FAILED if number % 3 == 0 else Status.QUEUED
            world.table.put(job(f"job-{number}", status=status))
        world.table.put(job("job-8", tenant="bob", status=Status.FAILED))

    def test_newest_first_and_only_ones_own(self, world: World) -> None:
        self.fill(world)
        found = world.table.owned(JobRecord, "ada", None, 3)
        assert self.ids(found) == ["job-7", "job-6", "job-5"]
        assert self.ids(world.table.owned(JobRecord, "bob", None, 3)) == ["job-8"]
        assert world.table.owned(JobRecord, "eve", None, 3) == []

    def test_pages_follow_the_cursor_to_the_end(self, world: World) -> None:
        self.fill(world)
        seen, before = [], None
        while page := self.ids(world.table.owned(JobRecord, "ada", before, 3)):
            seen += page
            before = page[-1]
        assert seen == [f"job-{number}" for number in range(7, 0, -1)]

    def test_a_status_is_picked_out_over_any_number_of_others(self, world: World) -> None:
        self.fill(world)
        owned = world.table.owned
        assert self.ids(owned(JobRecord, "ada", None, 2, "failed")) == ["job-6", "job-3"]
        assert self.ids(owned(JobRecord, "ada", "job-6", 2, "failed")) == ["job-3"]
        assert self.ids(owned(JobRecord, "ada", None, 1, "queued")) == ["job-7"]
        assert owned(JobRecord, "ada", None, 2, "expired") == []

    def test_a_status_is_found_beyond_the_first_page(self, world: World) -> None:
        """A page of DynamoDB holds a megabyte, before the filter."""
        world.table.put(job("job-00", status=Status.FAILED))
        for number in range(1, 12):
            world.table.put(job(f"job-{number:02}", params={"text": "x" * 120_000}))
        assert self.ids(world.table.owned(JobRecord, "ada", None, 1, "failed")) == ["job-00"]
        assert len(world.table.owned(JobRecord, "ada", None, 99)) == 12

    def test_follows_a_change(self, world: World) -> None:
        stored = world.table.put(job())
        changed = world.table.put(stored.model_copy(update={"status": Status.RUNNING}))
        assert world.table.owned(JobRecord, "ada", None, 9, "queued") == []
        assert world.table.owned(JobRecord, "ada", None, 9, "running") == [changed]

    def test_a_tombstone_is_not_listed(self, world: World) -> None:
        stored = world.table.put(job(drop=DropSource(batch="b", name="a.jpg")))
        world.table.put(stored.model_copy(update={"deleted": True, "ended_at": NOW}))
        assert world.table.owned(JobRecord, "ada", None, 9) == []
        assert world.table.batch("ada/b", None, 9) == []
        assert world.table.get(JobRecord, "job-1") is not None

    def test_lists_other_kinds_too(self, world: World) -> None:
        world.table.put(key_record("d1"))
        found = world.table.owned(KeyRecord, "#keys", None, 9)
        assert [record.digest for record in found] == ["d1"]


class TestBatch:
    def test_lists_the_jobs_of_one_folder_newest_first(self, world: World) -> None:
        for number, batch in enumerate(["夏 a", "夏 a", "b", "夏 a"]):
            world.table.put(job(f"job-{number}", drop=DropSource(batch=batch, name="a.jpg")))
        world.table.put(job("job-9"))

        def page(before: str | None, limit: int) -> list[str]:
            return [record.id for record in world.table.batch("ada/夏 a", before, limit)]

        assert page(None, 9) == ["job-3", "job-1", "job-0"]
        assert page(None, 2) == ["job-3", "job-1"]
        assert page("job-1", 9) == ["job-0"]


class TestDue:
    SHARD = due_shard("job-1")

    def due(self, world: World, now: datetime = NOW, limit: int = 10) -> list[Record]:
        return world.table.due(self.SHARD, now, limit)

    def test_finds_what_is_overdue_the_longest_first(self, world: World) -> None:
        late = world.table.put(job(wake_at=NOW - timedelta(seconds=90.25)))
        later = world.table.put(delivery(1, NOW - timedelta(seconds=90.5)))
        world.table.put(delivery(2, NOW + HOUR))
        world.table.put(delivery(3))
        assert self.due(world) == [later, late]
        assert self.due(world, limit=1) == [later]
        assert self.due(world, NOW - HOUR) == []

    def test_is_due_from_that_very_moment_on(self, world: World) -> None:
        stored = world.table.put(job(wake_at=NOW))
        assert self.due(world, NOW - timedelta(milliseconds=1)) == []
        assert self.due(world, NOW) == [stored]

    def test_is_found_in_its_own_shard_only(self, world: World) -> None:
        world.table.put(job(wake_at=NOW - HOUR))
        others = [world.table.due(shard, NOW, 10) for shard in range(16) if shard != self.SHARD]
        assert not any(others)

    def test_is_left_by_what_is_done(self, world: World) -> None:
        stored = world.table.put(job(wake_at=NOW - HOUR))
        stored = world.table.put(stored.model_copy(update={"wake_at": NOW + HOUR}))
        assert self.due(world) == []
        stored = world.table.put(stored.model_copy(update={"wake_at": NOW - HOUR}))
        assert self.due(world) == [stored]
        world.table.put(stored.model_copy(update={"wake_at": None}))
        assert self.due(world) == []

    def test_a_deleted_record_is_never_due(self, world: World) -> None:
        world.table.delete(world.table.put(job(wake_at=NOW - HOUR)))
        assert self.due(world) == []

    def test_brings_every_kind_back_as_itself(self, world: World) -> None:
        upload = UploadRecord(
            id="job-1",
            tenant="ada",
            content_type="image/png",
            size=1,
            created_at=NOW,
            expires_at=NOW,
            due_at=NOW,
        )
        assert self.due(world) == []
        assert [world.table.put(upload)] == self.due(world)

    def test_more_than_one_read_holds(self, world: World) -> None:
        """DynamoDB gives a hundred records at a time."""
        for n in range(105):
            world.table.put(delivery(n, NOW - timedelta(seconds=n)))
        found = [record.sk for record in self.due(world, limit=200)]
        assert found == [f"delivery#{n:03d}" for n in range(104, -1, -1)]
