"""A webhook's way, whole: job, stream, notify, queue, deliver, a real receiver."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.e2e.machine import ROOT, Machine
from tests.receiver import Receiver, receiving


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "data", ATELIER_ALLOW_NETWORKS="127.0.0.0/8")
    try:
        machine.start()
        yield machine
    finally:
        machine.cut()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def secret(data: Path, tenant: str = "local") -> str:
    command = [sys.executable, "-m", "local", "keys", "webhook-secret", "--data", str(data)]
    command += ["--tenant", tenant]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()


def test_the_end_of_a_job_is_told_once_signed_and_logged(
    machine: Machine, receiver: Receiver
) -> None:
    body = {"model": "plain", "input": {"text": "a secret"}, "webhook": receiver.url("/hook")}
    job = machine.ask("/v1/jobs", body)
    path = f"/v1/jobs/{job['id']}/deliveries"
    give_up = time.monotonic() + 30
    while not [one for one in machine.ask(path)["items"] if one["state"] == "delivered"]:
        assert time.monotonic() < give_up
        time.sleep(0.1)
    (call,) = receiver.requests
    told = Webhook(secret(machine.data)).verify(call.body, call.headers)
    assert (told["type"], told["data"]["id"]) == ("job.succeeded", job["id"])
    assert "a secret" not in json.dumps(told)
    (delivery,) = machine.ask(path)["items"]
    assert [one["status"] for one in delivery["tries"]] == [200]
    again = machine.ask(f"{path}/0/redeliver", {})
    assert again["state"] == "pending"
    while len(receiver.requests) < 2:
        assert time.monotonic() < give_up
        time.sleep(0.1)
    assert receiver.requests[1].body == call.body
    assert receiver.requests[1].headers["webhook-id"] == call.headers["webhook-id"]
    Webhook(secret(machine.data)).verify(receiver.requests[1].body, receiver.requests[1].headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret(machine.data, "another")).verify(call.body, call.headers)
