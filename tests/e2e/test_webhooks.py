"""A webhook's way, whole: job, stream, notify, queue, deliver, a real receiver."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.machine import OWN_MODELS, Running, keys, running, wait_until
from tests.receiver import Receiver, receiving


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Running]:
    allowed = {"ATELIER_ALLOW_NETWORKS": "127.0.0.0/8"}
    with running(tmp_path / "data", *OWN_MODELS, **allowed) as machine:
        yield machine


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def secret(machine: Running, tenant: str = "local") -> str:
    return keys(machine.data, "webhook-secret", "--tenant", tenant)


def test_the_end_of_a_job_is_told_once_signed_and_logged(
    machine: Running, receiver: Receiver
) -> None:
    job = machine.submit(input={"text": "a secret"}, webhook=receiver.url("/hook"))
    path = f"/v1/jobs/{job}/deliveries"

    def deliveries() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = machine.call("GET", path).json()["items"]
        return items

    wait_until(lambda: [one for one in deliveries() if one["state"] == "delivered"], 30)
    (call,) = receiver.requests
    told = Webhook(secret(machine)).verify(call.body, call.headers)
    assert (told["type"], told["data"]["id"]) == ("job.succeeded", job)
    assert "a secret" not in json.dumps(told)
    (delivery,) = deliveries()
    assert [one["status"] for one in delivery["tries"]] == [200]
    again = machine.call("POST", f"{path}/0/redeliver", json={})
    assert again.json()["state"] == "pending"
    wait_until(lambda: len(receiver.requests) >= 2, 30)
    assert receiver.requests[1].body == call.body
    assert receiver.requests[1].headers["webhook-id"] == call.headers["webhook-id"]
    Webhook(secret(machine)).verify(receiver.requests[1].body, receiver.requests[1].headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret(machine, "another")).verify(call.body, call.headers)
