"""The scheduled function looks at SQS and ECS, decides, and asks ECS for what it decided."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto import mock_aws

from functions.scale import handler as scaler
from functions.scale.scaling import Scaling
from shared.aws import cloud
from shared.aws.clients import Clients, Response
from shared.aws.fleet import MOST_AT_ONCE, EcsFleet
from shared.errors import Unavailable
from shared.settings import Settings
from shared.system import LANES, System
from tests.contract.conftest import CREDENTIALS
from tests.ecs import CLUSTER, deploy_fleet, desired, run_tasks
from tests.scenes import read_event

AIMS = {
    "fleet_job_seconds": 6.0,
    "fleet_interactive_wait": 60.0,
    "fleet_bulk_wait": 600.0,
    "fleet_patience": 300.0,
    "fleet_linger": 300.0,
}


@dataclass
class Scene:
    """A cloud whose fleet sleeps."""

    clients: Clients
    system: System

    def look(self) -> dict[str, int]:
        return scaler.handler(read_event("schedule_minute"), None)

    def send(self, lane: str, jobs: int) -> None:
        for number in range(jobs):
            self.system.queue(f"standard-{lane}").send(f"job {number}", "tenant")

    def asked(self) -> tuple[int, int]:
        return desired(self.clients, self.system.settings)

    def later(self, **duration: float) -> None:
        now = self.system.now() + timedelta(**duration)
        self.system = replace(self.system, now=lambda: now)


@pytest.fixture(scope="module")
def clients() -> Iterator[Clients]:
    """Made once: that takes longer than all that they are used for."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        made = Clients()
        made.wire = None  # moto sees only the calls that the SDK makes
        yield made


@pytest.fixture
def scene(clients: Clients, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    with mock_aws():
        made = [clients.client("sqs").create_queue(QueueName=f"standard-{lane}") for lane in LANES]
        queues = {
            f"standard-{lane}": one["QueueUrl"] for lane, one in zip(LANES, made, strict=True)
        }
        settings = deploy_fleet(clients).model_copy(
            update={"queues": queues, "stack": "atelier", **AIMS}
        )
        scene = Scene(clients, cloud(settings, clients))
        monkeypatch.setattr(scaler, "scaling", Scaling())
        monkeypatch.setattr(scaler, "connect", lambda: scene.system)
        yield scene


def metrics(printed: str) -> dict[str, Any]:
    """The last line of metrics."""
    lines = [json.loads(line) for line in printed.splitlines() if '"_aws"' in line]
    return lines[-1] if lines else {}


def test_a_fleet_that_sleeps_is_left_asleep_and_tells_nothing(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scene.look() == {"spot": 0, "on_demand": 0}
    assert scene.asked() == (0, 0)
    assert metrics(capsys.readouterr().out) == {}


def test_the_first_job_wakes_it(scene: Scene) -> None:
    scene.send("bulk", 1)
    assert scene.look() == {"spot": 1, "on_demand": 0}
    assert scene.asked() == (1, 0)


def test_both_lanes_and_what_workers_have_taken_count(scene: Scene) -> None:
    scene.send("interactive", 20)
    scene.send("bulk", 100)
    scene.system.queue("standard-interactive").receive(10, 30)
    scene.look()
    assert scene.asked() == (3, 0)


def test_what_it_sees_is_published(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.send("interactive", 40)
    spot = scene.system.settings.fleet_spot
    scene.system.fleet().ask(4, 0)
    run_tasks(scene.clients, spot, [("RUNNING", 60)] * 2 + [("PROVISIONING", 60)] * 2)
    scene.look()
    told = metrics(capsys.readouterr().out)
    assert told["stack"] == "atelier"
    assert (told["Backlog"], told["BacklogPerWorker"], told["ExpectedWait"]) == ([40], [20], [120])
    assert (told["WorkersWanted"], told["WorkersRunning"]) == ([4], [2])
    assert (told["WorkersProvisioning"], told["WorkersOnDemand"]) == ([2], [0])


def test_on_demand_is_asked_for_what_spot_has_not_found_for_minutes(scene: Scene) -> None:
    scene.send("interactive", 40)
    scene.system.fleet().ask(4, 0)
    late, starting = ("PROVISIONING", 301), ("PENDING", 500)
    tasks = [("RUNNING", 900), late, late, starting]
    run_tasks(scene.clients, scene.system.settings.fleet_spot, tasks)
    scene.look()
    assert scene.asked() == (4, 2)


def test_it_falls_asleep_again_when_nothing_has_come_for_a_while(scene: Scene) -> None:
    scene.send("interactive", 30)
    queue = scene.system.queue("standard-interactive")
    scene.look()
    while letters := queue.receive(10, 30):
        queue.delete(*letters)
    scene.later(minutes=4)
    scene.look()
    assert scene.asked() == (3, 0)
    scene.later(minutes=2)
    scene.look()
    assert scene.asked() == (0, 0)


def test_what_cannot_be_read_changes_nothing(scene: Scene) -> None:
    scene.send("interactive", 30)
    scene.look()
    scene.system = cloud(
        scene.system.settings.model_copy(update={"fleet_on_demand": "gone"}), scene.clients
    )
    with pytest.raises(Unavailable):
        scene.look()
    found = scene.clients.client("ecs").describe_services(cluster=CLUSTER, services=["spot"])
    assert found["services"][0]["desiredCount"] == 3


def test_a_process_that_begins_while_workers_run_keeps_them(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.system.fleet().ask(5, 0)
    monkeypatch.setattr(scaler, "scaling", Scaling())
    scene.look()
    assert scene.asked() == (5, 0)


class Paged(Clients):
    """ECS with so many tasks: it lists and describes a hundred at a time. Moto knows no pages."""

    def __init__(self, tasks: int) -> None:
        super().__init__()
        self.tasks = [f"task/{number}" for number in range(tasks)]

    def call(self, service: str, operation: str, /, **request: Any) -> Response:
        match operation:
            case "describe_services":
                return {"services": [{"desiredCount": len(self.tasks), "runningCount": 0}]}
            case "list_tasks":
                first = int(request.get("nextToken", 0))
                last = first + request["maxResults"]
                more = {"nextToken": str(last)} if last < len(self.tasks) else {}
                return {"taskArns": self.tasks[first:last], **more}
        assert len(request["tasks"]) <= MOST_AT_ONCE
        waiting = {"lastStatus": "PROVISIONING", "createdAt": datetime.now(UTC)}
        return {"tasks": [waiting] * len(request["tasks"])}


@pytest.mark.parametrize("tasks", [0, 1, 100, 101, 350])
def test_every_task_of_a_large_fleet_is_looked_at(tasks: int) -> None:
    fleet = EcsFleet(Paged(tasks), Settings())
    assert len(fleet.spot().provisioning) == tasks
