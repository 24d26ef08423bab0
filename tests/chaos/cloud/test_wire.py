"""The wire does what it says that it does: or a suite under which nothing breaks proves nothing."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.chaos.faults.control import Faults
from tests.receiver import Receiver, Reply, receiving

TEXT = b"what AWS answers"
SIGNED = "AWS4-HMAC-SHA256 Credential=key/20261122/eu-central-1/{}/aws4_request, Signature=0"


@dataclass(frozen=True)
class Wired:
    """A wire to a receiver that stands for AWS."""

    url: str
    aws: Receiver
    faults: Faults

    def call(self, service: str | None = "dynamodb") -> requests.Response:
        headers = {"Authorization": SIGNED.format(service)} if service else {}
        named = {"X-Amz-Target": "DynamoDB_20120810.PutItem", "Connection": "close"}
        return requests.post(self.url, data=b"{}", headers={**headers, **named}, timeout=30)

    def strike(self, kind: str) -> None:
        """From now on every call meets with this fault. The wire has read no rate yet."""
        self.faults.rate(1.0, kind)


@pytest.fixture
def wired(tmp_path: Path) -> Iterator[Wired]:
    faults = Faults(tmp_path, seed=1)
    with receiving(Reply(body=TEXT)) as aws, socket.create_server(("127.0.0.1", 0)) as listening:
        number = str(listening.fileno())
        command = [sys.executable, "-m", "tests.chaos.cloud.wire"]
        wire = subprocess.Popen(
            [*command, number, str(aws.port), str(tmp_path), "1"], pass_fds=[listening.fileno()]
        )
        try:
            yield Wired(f"http://127.0.0.1:{listening.getsockname()[1]}/", aws, faults)
        finally:
            wire.kill()
            wire.wait()


def test_what_is_whole_goes_through(wired: Wired) -> None:
    assert wired.call().content == TEXT
    (request,) = wired.aws.requests
    assert request.body == b"{}"
    assert wired.faults.count() == 0


@pytest.mark.parametrize("kind", ["lose", "cut"])
def test_an_answer_is_lost_though_the_request_took_effect(wired: Wired, kind: str) -> None:
    wired.strike(kind)
    with pytest.raises(requests.RequestException):
        wired.call()
    assert len(wired.aws.requests) == 1
    assert wired.faults.by_kind() == {f"wire_{kind}": 1}


def test_a_request_is_lost(wired: Wired) -> None:
    wired.strike("refuse")
    with pytest.raises(requests.RequestException):
        wired.call()
    assert wired.aws.requests == []


@pytest.mark.parametrize(
    ("kind", "service", "status", "code"),
    [
        ("throttle", "dynamodb", 400, b"ProvisionedThroughputExceededException"),
        ("throttle", "s3", 503, b"SlowDown"),
        ("throttle", "sqs", 400, b"ThrottlingException"),
        ("error", "sns", 500, b"InternalError"),
    ],
)
def test_a_service_refuses(wired: Wired, kind: str, service: str, status: int, code: bytes) -> None:
    wired.strike(kind)
    answer = wired.call(service)
    assert answer.status_code == status
    assert code in answer.content
    assert wired.aws.requests == []


def test_a_client_with_a_signed_url_is_left_alone(wired: Wired) -> None:
    wired.strike("lose")
    assert wired.call(service=None).content == TEXT
