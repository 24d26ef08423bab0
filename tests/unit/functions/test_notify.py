"""An ended job is told of, however often a step had to be repeated, as one event."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.announcing import announce, ended_event
from functions.delivery import settle
from functions.notify import handler as notify
from shared import lifecycle
from shared.contract import Event, Status
from shared.message import DeliveryMessage
from shared.ports import Topic
from shared.records import DeliveryRecord, DropSource, JobRecord, Try
from shared.system import DELIVERIES, System
from tests.services import Services
from tests.unit.functions.stage import DROP, PUBLIC_URL, Stage

WEBHOOK = "https://receiver.test/hook?token=secret"


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage.at(tmp_path)
    monkeypatch.setattr(notify, "connect", lambda: stage.system)
    return stage


def stream_record(job: JobRecord, number: int = 1, announced: bool = True) -> dict[str, Any]:
    """One record of a DynamoDB stream, as AWS sends it."""
    image: dict[str, Any] = {
        "pk": {"S": job.pk},
        "sk": {"S": job.sk},
        "version": {"N": str(job.version)},
        "body": {"S": job.model_dump_json()},
    }
    if announced:
        image["announce"] = {"BOOL": True}
    return {
        "eventID": str(number),
        "eventName": "MODIFY",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-central-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1777896000,
            "Keys": {"pk": {"S": job.pk}, "sk": {"S": job.sk}},
            "NewImage": image,
            "SequenceNumber": str(number),
            "SizeBytes": 100,
            "StreamViewType": "NEW_IMAGE",
        },
        "eventSourceARN": "arn:aws:dynamodb:eu-central-1:1:table/atelier/stream/2026",
    }


def woken(*records: dict[str, Any]) -> list[str]:
    """The sequence numbers that failed."""
    answer = notify.handler({"Records": list(records)}, None)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_an_ended_job_is_published_once_and_its_outbox_cleared(stage: Stage) -> None:
    job = stage.succeeded()
    assert woken(stream_record(job), stream_record(job)) == []
    (told,) = stage.published()
    assert told["id"] == f"evt_{job.id}"
    assert told["event"]["type"] == "job.succeeded"
    assert not stage.job(job.id).announce
    assert stage.job(job.id).wake_at is None


def test_what_is_told(stage: Stage) -> None:
    job = stage.succeeded(metadata={"order": "7"}, drop=DROP)
    told = json.loads(ended_event(stage.system.settings, job).model_dump_json())
    (artwork,) = told["data"].pop("artworks")
    now = stage.clock.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert told == {
        "type": "job.succeeded",
        "timestamp": now,
        "data": {
            "id": job.id,
            "tenant": job.tenant,
            "status": "succeeded",
            "model": "paint",
            "version": "1",
            "batch": "summer",
            "metadata": {"order": "7"},
            "error": None,
            "attempts": 1,
            "created_at": now,
            "started_at": now,
            "ended_at": now,
        },
    }
    assert artwork["url"] == f"{PUBLIC_URL}/v1/artworks/{job.id}-0"
    assert artwork["id"] == f"{job.id}-0"
    assert artwork["sha256"] == job.artworks[0].sha256
    assert (artwork["width"], artwork["height"]) == (4, 3)


def test_neither_prompt_nor_signature_is_told(stage: Stage) -> None:
    text = ended_event(stage.system.settings, stage.succeeded(webhook=WEBHOOK)).model_dump_json()
    for hidden in ("prompt", "strength", "signature", "ann/", "token=secret"):
        assert hidden not in text


def test_a_failure_says_why(stage: Stage) -> None:
    announce(stage.system, stage.failed())
    (told,) = stage.published()
    assert told["event"]["type"] == "job.failed"
    assert told["event"]["data"]["error"]["code"] == "image_unreadable"


def test_records_that_announce_nothing_are_left_alone(stage: Stage) -> None:
    job = stage.succeeded()
    other = stream_record(job)
    other["dynamodb"]["NewImage"]["sk"] = {"S": "pulse"}
    removed = stream_record(job)
    del removed["dynamodb"]["NewImage"]
    assert woken(stream_record(job, announced=False), other, removed) == []
    assert stage.published() == []


def test_the_item_is_the_truth_not_the_image(stage: Stage) -> None:
    job = stage.succeeded()
    deleted = stage.system.table.put(lifecycle.bury(job, stage.clock.now))
    gone = job.model_copy(update={"id": "0" * 25 + "x"})
    assert woken(stream_record(job), stream_record(gone)) == []
    assert stage.published() == []
    assert stage.job(job.id) == deleted


def test_a_webhook_is_written_down_with_its_bytes_and_one_message(stage: Stage) -> None:
    job = stage.succeeded(webhook=WEBHOOK)
    announce(stage.system, job)
    delivery = stage.delivery(job.id)
    assert (delivery.event_id, delivery.event_type) == (f"evt_{job.id}", "job.succeeded")
    assert (delivery.state, delivery.url, delivery.tenant) == ("pending", WEBHOOK, "ann")
    assert delivery.next_try_at == stage.clock.now
    assert Event.model_validate_json(delivery.body) == Event.model_validate_json(
        ended_event(stage.system.settings, job).model_dump_json()
    )
    (message,) = stage.messages()
    planned = DeliveryMessage(job=job.id, n=0, round=0, at=stage.clock.now)
    assert DeliveryMessage.model_validate(message) == planned


def test_the_bytes_of_a_webhook_are_fixed_when_it_is_first_made(stage: Stage) -> None:
    job = stage.succeeded(webhook=WEBHOOK)
    announce(stage.system, job)
    before = stage.delivery(job.id)
    moved = replace(
        stage.system,
        settings=stage.system.settings.model_copy(update={"public_url": "https://moved.test"}),
    )
    announce(moved, job)
    assert stage.delivery(job.id) == before


def test_a_webhook_that_has_been_tried_is_not_sent_again_by_a_repeat(stage: Stage) -> None:
    job = stage.succeeded(webhook=WEBHOOK)
    announce(stage.system, job)
    tried = settle(stage.delivery(job.id), Try(at=stage.clock.now, error="url_timeout"))
    stage.system.table.put(tried)
    stage.messages()
    announce(stage.system, job)
    assert stage.messages() == []


def test_a_job_without_a_webhook_has_no_delivery(stage: Stage) -> None:
    job = stage.succeeded()
    announce(stage.system, job)
    assert stage.system.table.partition(DeliveryRecord, job.id) == []
    assert stage.messages() == []


@pytest.mark.parametrize("end", [Stage.succeeded, Stage.failed])
def test_a_drop_has_its_artworks_mirrored(stage: Stage, end: Callable[..., JobRecord]) -> None:
    job, lease = stage.started(drop=DROP, count=2)
    job = stage.made(job, lease, 1, b"second")
    job = stage.made(job, lease, 0, b"first")
    job = stage.system.table.put(lifecycle.succeed(job, lease, stage.clock.now))
    announce(stage.system, job)
    assert sorted(stage.system.artworks.keys("mirror/")) == [
        "mirror/ann/summer/夏 天+1.jpg.1.png",
        "mirror/ann/summer/夏 天+1.jpg.png",
    ]
    assert stage.system.artworks.get("mirror/ann/summer/夏 天+1.jpg.png") == b"first"


def test_a_canceled_drop_has_no_mirror(stage: Stage) -> None:
    job, lease = stage.started(drop=DROP, count=2)
    job = stage.made(job, lease)
    asked = stage.system.table.put(lifecycle.cancel(job, stage.clock.now))
    ended = stage.system.table.put(lifecycle.confirm_cancel(asked, lease, stage.clock.now))
    announce(stage.system, ended)
    assert list(stage.system.artworks.keys("mirror/")) == []
    assert stage.published()[0]["event"]["type"] == "job.canceled"


def test_a_name_too_long_to_be_mirrored_does_not_silence_the_job(stage: Stage) -> None:
    job = stage.succeeded(drop=DropSource(batch="summer", name="n" * 254))
    announced = announce(stage.system, job)
    assert not announced.announce
    assert len(stage.published()) == 1


def test_retention_begins_with_the_end(tmp_path: Path) -> None:
    stage = Stage.at(tmp_path, retention_days=30)
    job = stage.succeeded()
    stage.clock.pass_by(hours=5)
    announced = announce(stage.system, job)
    assert job.ended_at is not None
    assert announced.wake_at == job.ended_at + timedelta(days=30)


class Crash(Exception):
    pass


@dataclass(frozen=True)
class Breaking:
    """A port of which one method fails from the given call on."""

    port: Any
    method: str
    calls: list[int]

    def __getattr__(self, name: str) -> Any:
        if name != self.method:
            return getattr(self.port, name)
        self.calls[0] -= 1
        if self.calls[0] < 0:
            raise Crash(name)
        return getattr(self.port, name)


def crashing(system: System, port: str, method: str, after: int = 0) -> System:
    """The system, one port of which breaks after so many calls of the method."""
    changed: dict[str, Any] = {port: Breaking(getattr(system, port), method, [after])}
    if port == "queue":
        queue = Breaking(system.queue(DELIVERIES), method, [after])
        changed = {port: lambda name: queue}
    return replace(system, **changed)


@pytest.mark.parametrize(
    ("port", "method", "after"),
    [
        ("artworks", "copy", 0),
        ("topic", "publish", 0),
        ("table", "put", 0),
        ("queue", "send", 0),
        ("table", "put", 1),
    ],
)
def test_a_crash_at_any_step_is_healed_by_the_next_call(
    stage: Stage, port: str, method: str, after: int
) -> None:
    job = stage.succeeded(webhook=WEBHOOK, drop=DROP)
    with pytest.raises(Crash):
        announce(crashing(stage.system, port, method, after), job)
    assert stage.job(job.id).announce
    announce(stage.system, stage.job(job.id))
    assert not stage.job(job.id).announce
    assert {told["id"] for told in stage.published()} == {f"evt_{job.id}"}
    assert len(list(stage.system.artworks.keys("mirror/"))) == 1
    (first, *_) = stage.messages()
    assert (first["job"], first["n"], first["round"]) == (job.id, 0, 0)
    assert len(stage.system.table.partition(DeliveryRecord, job.id)) == 1


def test_one_that_fails_comes_again_and_the_others_do_not(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, dropped = stage.succeeded(), stage.succeeded(drop=DROP)
    broken = crashing(stage.system, "artworks", "copy")
    monkeypatch.setattr(notify, "connect", lambda: broken)
    assert woken(stream_record(dropped, 7), stream_record(plain, 8)) == ["7"]
    assert stage.job(dropped.id).announce
    assert not stage.job(plain.id).announce


def test_a_whole_batch_that_fails_is_told_like_any_other(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = stage.succeeded()
    broken = crashing(stage.system, "topic", "publish")
    monkeypatch.setattr(notify, "connect", lambda: broken)
    assert woken(stream_record(job, 7)) == ["7"]


def test_those_that_end_together_are_told_together(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = Services(stage.system)
    monkeypatch.setattr(notify, "connect", lambda: services.system)
    jobs = [stage.succeeded(webhook=WEBHOOK if n % 2 else None) for n in range(20)]
    assert woken(*map(stream_record, jobs)) == []
    assert [told["id"] for told in stage.published()] == [f"evt_{job.id}" for job in jobs]
    assert services.calls.count("topic.publish") == 1
    assert services.calls.count("table.get_many") == 1
    assert "table.get" not in services.calls
    assert not any(stage.job(job.id).announce for job in jobs)
    assert len(stage.messages()) == 10


def test_outboxes_are_cleared_in_one_commit(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the webhooks' deliveries, so that none of it is lost without the other."""
    jobs = [stage.succeeded(webhook=WEBHOOK) for _ in range(3)]

    def lost(work: Callable[[], Any]) -> Any:
        def unfinished() -> None:
            work()
            raise Crash("the power fails")

        return stage.system.together(unfinished)

    monkeypatch.setattr(notify, "connect", lambda: replace(stage.system, together=lost))
    assert len(woken(*map(stream_record, jobs, range(3)))) == 3
    assert all(stage.job(job.id).announce for job in jobs)
    assert stage.messages() == []
    monkeypatch.setattr(notify, "connect", lambda: stage.system)
    assert woken(*map(stream_record, jobs)) == []
    assert {told["id"] for told in stage.published()} == {f"evt_{job.id}" for job in jobs}
    assert len(stage.messages()) == 3


@dataclass
class Picky:
    """A topic that refuses some events, and with them all that are told together with them."""

    topic: Topic
    refused: set[str]

    def publish(self, events: Mapping[str, Event]) -> None:
        if self.refused & set(events):
            raise Crash("too long")
        self.topic.publish(events)


def test_those_that_cannot_be_told_are_found_among_many(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = [stage.succeeded() for _ in range(25)]
    bad = {jobs[0].id, jobs[13].id, jobs[24].id}
    picky = Picky(stage.system.topic, {f"evt_{job_id}" for job_id in bad})
    monkeypatch.setattr(notify, "connect", lambda: replace(stage.system, topic=picky))
    assert woken(*map(stream_record, jobs, range(25))) == ["0", "13", "24"]
    assert {job.id for job in jobs if stage.job(job.id).announce} == bad
    told = [told["id"] for told in stage.published()]
    assert sorted(told) == sorted(f"evt_{job.id}" for job in jobs if job.id not in bad)


def test_every_end_is_told(stage: Stage) -> None:
    waiting = stage.put(
        status=Status.AWAITING_UPLOAD, queued_at=None, wake_at=stage.clock.now, webhook=WEBHOOK
    )
    expired = stage.system.table.put(lifecycle.expire(waiting, stage.clock.now))
    announce(stage.system, expired)
    assert stage.delivery(expired.id).event_type == "job.expired"
