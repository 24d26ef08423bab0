"""The promises of `shared.ports.Topic`: what is published reaches who listens."""

import fcntl
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse

from shared.contract import Event
from shared.embedded.topic import FileTopic
from shared.errors import Unavailable
from tests.contract.resources import queue_arn
from tests.contract.worlds import NOW, World

ENDED = Event(type="job.succeeded", timestamp=NOW, data={"id": "job-1", "title": '星 "夜"'})


def listen(world: World, **subscription: str) -> None:
    """Subscribe the bulk queue, as a studio's own program would."""
    if not world.clients:
        return
    target = queue_arn(world.clients, world.system.settings.queues["standard-bulk"])
    world.clients.call(
        "sns",
        "subscribe",
        TopicArn=world.system.settings.topic,
        Protocol="sqs",
        Endpoint=target,
        Attributes={"RawMessageDelivery": "true", **subscription},
    )


def heard(world: World) -> list[Any]:
    """Every message so far, as it was sent."""
    topic = world.system.topic
    if isinstance(topic, FileTopic):
        return [json.loads(line) for line in topic.path.read_text().splitlines()]
    letters = world.system.queue("standard-bulk").receive(10, 60, wait=1)
    return [json.loads(letter.body) for letter in letters]


def test_an_event_is_told_whole(world: World) -> None:
    listen(world)
    world.system.topic.publish({"event-1": ENDED})
    (message,) = heard(world)
    assert message["id"] == "event-1"
    assert Event.model_validate(message["event"]) == ENDED


def test_many_are_told_at_once(world: World) -> None:
    listen(world)
    events = {f"event-{n}": ENDED.model_copy(update={"data": {"n": n}}) for n in range(25)}
    world.system.topic.publish(events)
    messages: dict[str, Any] = {}
    while len(messages) < len(events) and (more := heard(world)):
        messages |= {message["id"]: message["event"] for message in more}
    assert {name: Event.model_validate(told) for name, told in messages.items()} == events


@pytest.mark.parametrize("world", ["moto"], indirect=True)
def test_one_that_is_not_taken_is_no_secret(world: World) -> None:
    """SNS says of each event of a batch whether it was."""
    assert world.clients
    failed = {"Id": "event-1", "Code": "InternalError", "SenderFault": False}
    answer = AWSResponse("", 200, {}, None), {"Failed": [failed]}
    events = world.clients.client("sns").meta.events
    events.register("before-call.sns.PublishBatch", lambda **_: answer, "refusing")
    try:
        with pytest.raises(Unavailable, match="InternalError"):
            world.system.topic.publish({"event-1": ENDED, "event-2": ENDED})
    finally:
        events.unregister("before-call.sns.PublishBatch", unique_id="refusing")


def test_only_one_at_a_time_writes_to_the_file(tmp_path: Path) -> None:
    """Two that turn it over at once would throw away what the first has kept."""
    topic = FileTopic(tmp_path)
    folder = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    with ThreadPoolExecutor(1) as pool:
        publishing = pool.submit(topic.publish, {"event-1": ENDED})
        time.sleep(0.3)
        waited = not publishing.done()
        os.close(folder)
        publishing.result()
    assert waited
    assert topic.path.read_text().count("event-1") == 1


def test_the_file_before_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.embedded.topic.MAX_BYTES", 10)
    topic = FileTopic(tmp_path)
    topic.publish({"event-1": ENDED})
    topic.publish({"event-2": ENDED})
    assert "event-1" in (tmp_path / "events.1.jsonl").read_text()
    assert "event-2" in topic.path.read_text()


@pytest.mark.parametrize(
    "world", ["moto", pytest.param("ministack", marks=pytest.mark.slow)], indirect=True
)
def test_a_listener_may_choose_by_type_and_tenant(world: World) -> None:
    listen(world, FilterPolicy=json.dumps({"type": ["job.failed"], "tenant": ["ada"]}))
    for event_id, kind, tenant in (
        ("e1", "job.succeeded", "ada"),
        ("e2", "job.failed", "eve"),
        ("e3", "job.failed", "ada"),
    ):
        event = ENDED.model_copy(update={"type": kind, "data": {"tenant": tenant}})
        world.system.topic.publish({event_id: event})
    assert [message["id"] for message in heard(world)] == ["e3"]
