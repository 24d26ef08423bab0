"""`python -m local dead-letters`: what was received too often, and its way back."""

import json
from pathlib import Path

import pytest
from moto import mock_aws

from functions.dead_letters import dead
from local.__main__ import main
from local.object_events import Created, notification
from shared.aws.clients import Clients
from shared.aws.wire import Wire
from shared.bootstrap import assemble, disconnect
from shared.message import DeliveryMessage, job_message
from shared.ports import Queue
from shared.settings import Settings
from shared.system import DELIVERIES, OBJECTS, System
from tests.contract.conftest import CREDENTIALS
from tests.unit.functions.stage import bodies

JOB = "01k9q4w8e7r6t5y4z3x2v1b0n9"
LANE = "standard-interactive"


@pytest.fixture
def machine(tmp_path: Path) -> System:
    system = assemble(Settings(data=tmp_path))
    dropped = Created("drops/studio/summer/my secret.jpg", 5, "1")
    event = notification(dropped, "inbox", system.now())
    system.queue(dead(OBJECTS)).send(event, "studio")
    delivery = DeliveryMessage(job=JOB, n=0, round=3)
    system.queue(dead(DELIVERIES)).send(delivery.model_dump_json(), "studio")
    system.queue(dead(LANE)).send(job_message(JOB), "studio")
    system.queue(dead(LANE)).send("a prompt, perhaps", "studio")
    return system


def run(system: System, *arguments: str) -> int:
    return main(["dead-letters", *arguments, "--data", str(system.settings.data)])


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.dead_letters.WAIT_SECONDS", 0)


def test_they_are_listed_by_ids_and_stay(
    machine: System, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert run(machine, "list") == 0
        told = capsys.readouterr().out
        assert "objects: 1 dead\n  objects in drops/studio\n" in told
        assert f"deliveries: 1 dead\n  job {JOB}, delivery 0, round 3\n" in told
        assert f"{LANE}: 2 dead\n  job {JOB}\n  unreadable, 17 characters\n" in told
        assert "secret" not in told
        assert "prompt" not in told


def test_they_are_sent_again_to_the_queue_they_came_from(
    machine: System, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(machine, "redrive", "--queue", "objects") == 0
    assert capsys.readouterr().out == "objects: 1 sent again\n"
    assert list(bodies(machine.queue(dead(OBJECTS)))) == []
    (letter,) = machine.queue(OBJECTS).receive(10, 60)
    assert letter.group == "studio"
    assert machine.queue(dead(DELIVERIES)).depth() == 1
    assert run(machine, "redrive") == 0
    (message,) = bodies(machine.queue(DELIVERIES))
    assert json.loads(message)["job"] == JOB
    assert len(list(bodies(machine.queue(LANE)))) == 2


def test_an_unknown_queue_is_told(machine: System, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(machine, "list", "--queue", "none") == 1
    assert "there is no queue 'none'" in capsys.readouterr().err


def test_in_the_cloud_those_queues_are_known_that_the_settings_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(Wire, "begin", lambda *_: lambda: None)  # moto hears the SDK only
    with mock_aws():
        clients = Clients()
        names = (OBJECTS, dead(OBJECTS), DELIVERIES)
        urls = {
            name: clients.call("sqs", "create_queue", QueueName=name)["QueueUrl"] for name in names
        }
        event = json.dumps({"Records": []})  # of S3's, and so in no group
        clients.call("sqs", "send_message", QueueUrl=urls[dead(OBJECTS)], MessageBody=event)
        monkeypatch.setenv("ATELIER_QUEUES", json.dumps(urls))
        disconnect()
        assert main(["dead-letters", "redrive"]) == 0
        assert capsys.readouterr().out == "objects: 1 sent again\n"
        queue: Queue = assemble(Settings(queues=urls)).queue(OBJECTS)
        assert list(bodies(queue)) == [event]
