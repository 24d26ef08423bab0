"""The event pump: faithful events, and what becomes of failures."""

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import DynamoDBStreamEvent, SQSEvent

from local import deliveries, objects, schedule, stream
from local.deliveries import THREADS, Deliveries
from local.envelopes import schedule_event, sequence_number, sqs_event, stream_event
from local.lost_workers import LostWorkers
from local.objects import Objects
from local.pump import forever
from local.schedule import SWEEP_SECONDS, Schedule
from local.stream import Stream
from shared.embedded.queue import SqliteQueue
from shared.embedded.table import Announcement, SqliteTable
from shared.errors import Unavailable
from shared.message import job_message
from shared.ports import Letter
from shared.records import JobRecord, KeyRecord
from shared.system import DELIVERIES, OBJECTS, System
from tests.contract.worlds import job

Event = dict[str, Any]
NOW = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)


class Note(KeyRecord):
    """A record that is announced whenever it is written."""

    def index(self) -> Any:
        return super().index()._replace(announce=True)


@pytest.fixture
def table(system: System, monkeypatch: pytest.MonkeyPatch) -> SqliteTable:
    from shared.embedded import table as module

    monkeypatch.setitem(module.KINDS, "key", Note)
    assert isinstance(system.table, SqliteTable)
    return system.table


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "IDLE_SECONDS", 0.01)
    monkeypatch.setattr(stream, "GATHER_SECONDS", 0.01)
    monkeypatch.setattr(stream, "FIRST_BACKOFF", 0.05)
    monkeypatch.setattr(objects, "WAIT_SECONDS", 0.05)
    monkeypatch.setattr(deliveries, "WAIT_SECONDS", 0.05)


def note(name: str) -> Note:
    return Note(id=name, digest=name, tenant="t", name="名", created_at=NOW)


def told(event: Event) -> list[str]:
    return [record["dynamodb"]["NewImage"]["pk"]["S"] for record in event["Records"]]


# The stream


def test_stream_event_is_what_dynamodb_sends() -> None:
    announcement = Announcement(7, "key#a", "key", 2, note("a").model_dump_json())
    event = stream_event("atelier", [announcement])

    (record,) = event["Records"]
    image = record["dynamodb"]["NewImage"]
    assert record["eventSource"] == "aws:dynamodb"
    assert record["eventName"] == "MODIFY"
    assert record["dynamodb"]["SequenceNumber"] == sequence_number(announcement)
    assert image["version"] == {"N": "2"}
    assert image["announce"] == {"N": "1"}
    assert json.loads(image["body"]["S"])["name"] == "名"
    (read,) = DynamoDBStreamEvent(event).records
    assert read.dynamodb
    assert read.dynamodb.new_image["pk"] == "key#a"


def test_announcements_are_told_once(table: SqliteTable) -> None:
    events: list[Event] = []
    pump = Stream(table, lambda event, _: events.append(event), "atelier")
    table.put(note("a"))
    table.put(note("b"))

    for _ in range(3):
        pump.turn()

    assert [told(event) for event in events] == [["key#a", "key#b"]]


def test_one_that_fails_is_told_again_and_holds_up_no_other(table: SqliteTable) -> None:
    told_so_far: list[list[str]] = []

    def notify(event: Event, _: Any) -> Event:
        told_so_far.append(told(event))
        bad = [record for record in event["Records"] if told({"Records": [record]}) == ["key#a"]]
        first = len(told_so_far) < 4
        return {
            "batchItemFailures": [
                {"itemIdentifier": record["dynamodb"]["SequenceNumber"]} for record in bad if first
            ]
        }

    pump = Stream(table, notify, "atelier")
    table.put(note("a"))
    pump.turn()
    table.put(note("b"))
    turn_until(pump.turn, lambda: len(told_so_far) == 4)
    pump.turn()

    assert told_so_far == [["key#a"], ["key#b"], ["key#a"], ["key#a"]]


def test_broken_notify_loses_nothing(table: SqliteTable) -> None:
    calls: list[list[str]] = []

    def notify(event: Event, _: Any) -> None:
        calls.append(told(event))
        if len(calls) == 1:
            raise RuntimeError

    pump = Stream(table, notify, "atelier")
    table.put(note("a"))
    turn_until(pump.turn, lambda: len(calls) == 2)

    assert calls == [["key#a"], ["key#a"]]


def test_one_that_failed_is_known_to_the_next_pump(table: SqliteTable) -> None:
    def broken(event: Event, _: Any) -> None:
        raise RuntimeError

    events: list[Event] = []
    table.put(note("a"))
    first = Stream(table, broken, "atelier")
    first.turn()
    first.turn()

    second = Stream(table, lambda event, _: events.append(event), "atelier")
    second.turn()
    second.turn()

    assert [told(event) for event in events] == [["key#a"]]
    assert table.announcements(10) == []


def test_who_comes_first_is_told_at_once_and_those_after_it_together(
    table: SqliteTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_so_far: list[list[str]] = []
    arriving = [[note("b"), note("c")], []]

    def gather(seconds: float) -> None:
        assert seconds == stream.GATHER_SECONDS
        for late in arriving.pop(0):
            table.put(late)

    monkeypatch.setattr(stream.time, "sleep", gather)
    pump = Stream(table, lambda event, _: told_so_far.append(told(event)), "atelier")
    table.put(note("a"))

    for _ in range(3):
        pump.turn()

    assert told_so_far == [["key#a"], ["key#b", "key#c"]]
    assert arriving == []


def test_a_backlog_is_told_without_a_pause(
    table: SqliteTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream.time, "sleep", lambda _: pytest.fail("it paused"))
    told_so_far: list[str] = []
    pump = Stream(table, lambda event, _: told_so_far.extend(told(event)), "atelier")
    for number in range(2 * stream.BATCH):
        table.put(note(f"{number:04}"))

    pump.turn()
    pump.turn()

    assert len(set(told_so_far)) == 2 * stream.BATCH


def test_the_stream_does_not_grow_while_it_is_never_quiet(
    table: SqliteTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "MOST_TOLD", 2)
    pump = Stream(table, lambda event, _: None, "atelier")
    left: list[int] = []
    for number in range(4):
        table.put(note(str(number)))
        pump.turn()
        left.append(len(table.announcements(10)))

    assert left == [1, 0, 1, 0]


def test_what_was_deleted_does_not_stop_the_stream(table: SqliteTable) -> None:
    events: list[Event] = []
    for number in range(stream.BATCH + 1):
        table.delete(table.put(note(f"gone{number}")))
    table.put(note("here"))

    turn_until(
        Stream(table, lambda event, _: events.append(event), "atelier").turn, lambda: bool(events)
    )

    assert told(events[0]) == ["key#here"]


def turn_until(turn: Callable[[], None], done: Callable[[], bool], seconds: float = 5) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not come to that"
        turn()


# Queues


def test_sqs_event_is_what_sqs_sends() -> None:
    letters = [Letter("本", "5.abc", 3, "tenant")]

    event = sqs_event("objects", letters)

    (record,) = SQSEvent(event).records
    assert record.body == "本"
    assert record.receipt_handle == "5.abc"
    assert record.attributes.approximate_receive_count == "3"
    assert record.event_source == "aws:sqs"
    assert record.event_source_arn.endswith(":objects")
    assert record.md5_of_body
    again = SQSEvent(sqs_event("objects", [Letter("本", "5.other", 4, "tenant")]))
    assert next(again.records).message_id == record.message_id


def test_objects_are_deleted_when_taken_and_come_again_when_not(system: System) -> None:
    batches: list[list[str]] = []

    def ingest(event: Event, _: Any) -> Event:
        batches.append([record["body"] for record in event["Records"]])
        failed = [record for record in event["Records"] if record["body"] == "bad"]
        return {"batchItemFailures": [{"itemIdentifier": one["messageId"]} for one in failed]}

    pump = Objects(system, ingest)
    for body in ("good", "bad"):
        system.queue(OBJECTS).send(body, "t")
    pump.turn()
    turn_until(pump.turn, lambda: len(batches) == 2)
    pump.turn()

    assert batches == [["good", "bad"], ["bad"]]


def test_broken_ingest_loses_nothing(system: System) -> None:
    def ingest(event: Event, _: Any) -> None:
        raise RuntimeError

    system.queue(OBJECTS).send("a", "t")
    Objects(system, ingest).turn()
    time.sleep(1.05)

    assert [letter.body for letter in system.queue(OBJECTS).receive(10, 1)] == ["a"]


def test_slow_receiver_holds_up_no_other(system: System) -> None:
    release = threading.Event()
    delivered: list[str] = []

    def deliver(event: Event, _: Any) -> None:
        (record,) = event["Records"]
        if record["body"] == "slow":
            release.wait(10)
        delivered.append(record["body"])

    queue = system.queue(DELIVERIES)
    for body in ("slow", *map(str, range(2 * THREADS))):
        queue.send(body, "t")
    pump = Deliveries(system, deliver)
    thread = threading.Thread(target=lambda: turn_until(pump.turn, lambda: release.is_set(), 10))
    thread.start()
    wait_for(lambda: len(delivered) == 2 * THREADS)
    assert "slow" not in delivered
    release.set()
    thread.join()
    wait_for(lambda: "slow" in delivered)


def wait_for(done: Callable[[], bool], seconds: float = 10) -> None:
    turn_until(lambda: time.sleep(0.01), done, seconds)


# Workers that died


def test_what_a_dead_worker_held_is_free(system: System, table: SqliteTable) -> None:
    with subprocess.Popen(["true"]) as dead:
        dead.wait()
    host = socket.gethostname()
    names = {
        "dead": f"{host}-{dead.pid}-0123",
        "alive": f"{host}-{os.getpid()}-0123",
        "far": f"elsewhere-{dead.pid}-0123",
        "odd": "0123",
    }
    for name, holder in names.items():
        table.put(job(name, status="running", holder=holder, attempt=1, tries=1))
        system.lane("standard", "interactive").send(job_message(name), "ada")
    system.lane("standard", "interactive").receive(10, 60)

    LostWorkers(system, table, lambda _: None).turn()

    held = {name for name in names if (found := table.get(JobRecord, name)) and found.holder}
    assert held == {"alive", "far", "odd"}
    letters = system.lane("standard", "interactive").receive(10, 60)
    assert [letter.body for letter in letters] == [job_message("dead")]


def test_a_dead_workers_job_is_not_free_before_its_message_is(
    system: System, table: SqliteTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next look frees both."""
    with subprocess.Popen(["true"]) as dead:
        dead.wait()
    holder = f"{socket.gethostname()}-{dead.pid}-0123"
    held = table.put(job(status="running", holder=holder, attempt=1, tries=1))
    lane = system.lane("standard", "interactive")
    lane.send(job_message(held.id), "ada")
    lane.receive(1, 60)
    watching = LostWorkers(system, table, lambda _: None)

    def refuse(queue: SqliteQueue, body: str) -> None:
        raise Unavailable("the disk is full")

    with monkeypatch.context() as full:
        full.setattr(SqliteQueue, "release", refuse)
        with pytest.raises(Unavailable):
            watching.turn()
    assert table.get(JobRecord, held.id) == held

    watching.turn()
    assert [letter.body for letter in lane.receive(1, 60)] == [job_message(held.id)]


# The clock


def test_schedule_event_is_what_eventbridge_sends() -> None:
    event = schedule_event("atelier-sweep", NOW)

    assert event["detail-type"] == "Scheduled Event"
    assert event["source"] == "aws.events"
    assert event["time"] == "2026-05-06T07:08:09Z"
    assert event["resources"][0].endswith("rule/atelier-sweep")


def test_sweep_comes_at_once_and_then_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 1.0, 1.0, SWEEP_SECONDS + 1, SWEEP_SECONDS + 1])
    monkeypatch.setattr(schedule.time, "monotonic", lambda: next(moments))
    swept: list[Event] = []
    slept: list[float] = []
    clock = Schedule(lambda event, _: swept.append(event), lambda: None, lambda: NOW, slept.append)

    clock.turn()
    clock.turn()

    assert [event["time"] for event in swept] == ["2026-05-06T07:08:09Z"] * 2
    assert slept == [SWEEP_SECONDS, SWEEP_SECONDS]


def test_garbage_is_collected(system: System) -> None:
    collected: list[int] = []

    Schedule(lambda *_: None, lambda: collected.append(1), system.now, lambda _: None).turn()

    assert collected == [1]


def test_failed_turn_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from local import pump

    monkeypatch.setattr(pump, "FAILED_SECONDS", 0.01)
    stopping = threading.Event()
    turns: list[int] = []

    def turn() -> None:
        turns.append(1)
        if len(turns) == 3:
            stopping.set()
        raise RuntimeError

    forever("test", turn, stopping)

    assert len(turns) == 3
