"""What the logs tell: the whole way of a job under its one id, and how busy a device was."""

import io
import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from functions.deliver.handler import handler as deliver
from functions.notify.handler import handler as notify
from functions.submission import submit
from gpu_worker.worker import Worker
from local.envelopes import sqs_event
from shared.bootstrap import connect, disconnect
from shared.settings import Settings, environment
from shared.system import DELIVERIES, System
from tests.client import Client
from tests.integration.working import request, until_ended
from tests.receiver import Reply, receiving

ROOT = Path(__file__).parents[2]
SERVICES = ("worker", "deliver")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What all parts log, in their own format."""
    written = io.StringIO()
    handlers = [
        handler
        for name in SERVICES
        for handler in logging.getLogger(name).handlers
        if isinstance(handler, logging.StreamHandler)
    ]
    before = [handler.setStream(written) for handler in handlers]
    yield written
    for handler, stream in zip(handlers, before, strict=True):
        handler.setStream(stream)


def lines(log: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_a_job_is_found_by_its_id_from_the_api_to_the_webhook(
    connected: System,
    hand: Worker,
    log: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("ATELIER_STACK", "atelier")
    monkeypatch.setenv("ATELIER_ALLOW_NETWORKS", "127.0.0.0/8")
    disconnect()
    with receiving(Reply(200)) as receiver:
        wish = {"model": "plain", "input": {}, "webhook": receiver.url()}
        job_id = Client("local").post("/v1/jobs", wish).json["id"]
        hand.once()
        assert notify({"Records": [ended(job_id)]}, None) == {"batchItemFailures": []}
        letters = connect().queue(DELIVERIES).receive(1, 60)
        assert deliver(sqs_event(DELIVERIES, letters), None) == {"batchItemFailures": []}
        assert receiver.requests
    said = [(one["service"], one["message"]) for one in lines(log) if one.get("job_id") == job_id]
    assert said == [("worker", "over"), ("deliver", "webhook tried")]
    measured = [json.loads(one) for one in capsys.readouterr().out.splitlines() if "_aws" in one]
    assert {one["job_id"] for one in measured} == {job_id}
    told = [name for one in measured for name in ("Queued", "Wait", "Artworks") if name in one]
    assert told == ["Queued", "Wait", "Artworks"]


def test_a_job_has_one_name_in_all_logs() -> None:
    """Or a search would find half of its way."""
    rooms = (ROOT / room for room in ("functions", "gpu_worker", "shared", "local"))
    other = re.compile(r"""["']job["']: (job|delivery|self\.job|job_ids?)\b""")
    logs = re.compile(r"extra=\{[^}]*\}|told = \{[^}]*\}")
    for path in (path for room in rooms for path in room.rglob("*.py")):
        for said in logs.findall(path.read_text()):
            assert not other.search(said), (path, said)


def test_a_workers_process_tells_how_busy_its_device_was(system: System, chosen: Settings) -> None:
    """In its own log, from where CloudWatch takes it, and at the latest when it is stopped."""
    worker = subprocess.Popen(
        [sys.executable, "-m", "gpu_worker", "run"],
        env=environment(chosen.model_copy(update={"stack": "atelier"})),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        until_ended(system, submit(system, "local", request(params={"seconds": 0.5})))
        worker.terminate()
        told, _ = worker.communicate(timeout=60)
    finally:
        worker.kill()
        worker.communicate()
    lines = [json.loads(line) for line in told.splitlines()]
    measured = [line for line in lines if "_aws" in line]
    assert {line["stack"] for line in measured} == {"atelier"}
    busy = sum(sum(line["DeviceSeconds"]) for line in measured)
    assert 0.5 <= busy < sum(sum(line["WorkerSeconds"]) for line in measured)


def ended(job_id: str) -> dict[str, Any]:
    """What the table's stream says of the end of a job."""
    image = {"pk": {"S": job_id}, "sk": {"S": "job"}, "announce": {"N": "1"}}
    return {"dynamodb": {"NewImage": image, "SequenceNumber": "1"}}
