"""What only the cloud's adapters have: retries, refusals, and clients that are made late."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event as Signal
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError

from shared.aws import cloud
from shared.aws.clients import ATTEMPTS, Clients, Refused
from shared.aws.table import DynamoTable
from shared.aws.topic import SnsTopic
from shared.contract import Event
from shared.embedded.blobs import FolderBlobs
from shared.errors import Unavailable, WriteConflict
from shared.ports import Blob
from shared.records import JobRecord, due_shard
from shared.settings import Settings
from shared.signing import window_start
from tests.contract.conftest import CLOUDS
from tests.contract.emulator import Emulator, listening_addresses
from tests.contract.worlds import NOW, World, job

in_each_cloud = pytest.mark.parametrize("world", CLOUDS, indirect=True)


class Lost:
    """Answers of one operation are lost on the way back, though AWS did what was asked."""

    def __init__(self, client: Any, twin: Any) -> None:
        self.client = client
        self.twin = twin
        self.request: dict[str, Any] = {}
        self.left = 0

    def remember(self, params: dict[str, Any], **_: Any) -> None:
        self.request = dict(params)

    def lose(self, request: Any, **_: Any) -> AWSResponse | None:
        if not self.left:
            return None
        self.left -= 1
        self.twin.put_item(**self.request)
        return AWSResponse(request.url, 500, {}, Body())


class Body:
    """The body of an answer that AWS did not give."""

    def __init__(self, text: bytes = b"{}") -> None:
        self.text = text

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.text


@contextmanager
def answering(clients: Clients, answer: Callable[[str], AWSResponse]) -> Iterator[list[str]]:
    """Every read of the table is answered so; the URLs that were asked."""
    asked: list[str] = []

    def respond(request: Any, **_: Any) -> AWSResponse:
        asked.append(request.url)
        return answer(request.url)

    events = clients.client("dynamodb").meta.events
    events.register_first("before-send.dynamodb.GetItem", respond)
    try:
        with patch.object(clients, "wire", None):
            yield asked
    finally:
        events.unregister("before-send.dynamodb.GetItem", respond)


@contextmanager
def answers_lost(clients: Clients, times: int = 1) -> Iterator[Lost]:
    client = clients.client("dynamodb")
    lost = Lost(client, Clients(clients.endpoint).client("dynamodb"))
    lost.left = times
    events = client.meta.events
    events.register("provide-client-params.dynamodb.PutItem", lost.remember)
    events.register_first("before-send.dynamodb.PutItem", lost.lose)
    try:
        with patch.object(clients, "wire", None):
            yield lost
    finally:
        events.unregister("provide-client-params.dynamodb.PutItem", lost.remember)
        events.unregister("before-send.dynamodb.PutItem", lost.lose)


@in_each_cloud
class TestAWriteWhoseAnswerWasLost:
    def test_is_known_again_when_it_is_sent_again(self, world: World) -> None:
        assert world.clients
        with answers_lost(world.clients) as lost:
            stored = world.table.put(job())
        assert lost.left == 0
        assert world.table.get(JobRecord, "job-1") == stored
        with answers_lost(world.clients):
            again = world.table.put(stored.model_copy(update={"attempt": 1}))
        assert world.table.get(JobRecord, "job-1") == again
        assert again.version == 2

    def test_is_not_mistaken_for_somebody_elses_same_bytes(self, world: World) -> None:
        stored = world.table.put(job())
        assert world.clients
        with pytest.raises(WriteConflict):
            world.table.put(job())
        world.table.put(stored)
        with pytest.raises(WriteConflict):
            world.table.put(stored)

    def test_wakes_notify_once(self, world: World) -> None:
        assert world.clients
        with answers_lost(world.clients):
            world.table.put(job(announce=True))
        assert world.announced() == ["job-1"]


@in_each_cloud
def test_what_is_done_while_it_is_looked_up_is_not_due(world: World) -> None:
    """An index lags behind its table: the table has the last word."""
    assert world.clients
    done = world.table.put(job("job-1", wake_at=NOW))

    def be_faster(**_: Any) -> None:
        world.table.put(done.model_copy(update={"wake_at": None}))

    events = world.clients.client("dynamodb").meta.events
    events.register("before-call.dynamodb.BatchGetItem", be_faster)
    try:
        with patch.object(world.clients, "wire", None):
            assert world.table.due(due_shard("job-1"), NOW, 10) == []
    finally:
        events.unregister("before-call.dynamodb.BatchGetItem", be_faster)


@in_each_cloud
class TestTheSystem:
    def test_finds_its_secret(self, world: World) -> None:
        assert world.system.secret() == b"the master secret"
        assert world.system.secret() is world.system.secret()

    def test_gives_the_same_queue_for_a_name(self, world: World) -> None:
        assert world.system.lane("standard", "bulk") is world.system.queue("standard-bulk")

    def test_copies_from_buckets_of_its_own_kind(self, world: World, tmp_path: Path) -> None:
        foreign = FolderBlobs(tmp_path, "artworks", b"", "http://127.0.0.1")
        with pytest.raises(TypeError):
            world.system.artworks.copy("a", foreign, "a")


@in_each_cloud
def test_a_signed_url_is_the_one_that_the_sdk_makes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only sooner: at the beginning of the window."""
    assert world.clients
    endpoint = world.clients.endpoint
    style = {"addressing_style": "path" if endpoint else "virtual"}  # else it is not the region's
    config = Config(signature_version="s3v4", s3=style)
    client = world.clients.session().create_client("s3", endpoint_url=endpoint, config=config)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: window_start(NOW))
    request = {
        "Bucket": world.system.settings.artworks_bucket,
        "Key": "ada/星 夜+~.png",
        "ResponseContentDisposition": """attachment; filename="a b"; filename*=UTF-8''a%20b""",
    }
    expected = urlsplit(client.generate_presigned_url("get_object", request, 900))
    ours = urlsplit(world.system.artworks.sign_get("ada/星 夜+~.png", NOW, "a b"))
    assert (ours.scheme, ours.netloc, ours.path) == expected[:3]
    assert parse_qs(ours.query) == parse_qs(expected.query)


def test_what_is_not_configured_is_named() -> None:
    system = cloud(Settings())
    with pytest.raises(LookupError, match="no queue 'objects'"):
        system.queue("objects")
    with pytest.raises(LookupError, match="ATELIER_SECRET_ARN"):
        system.secret()
    SnsTopic(Clients(), None).publish({"e": Event(type="t", timestamp=NOW, data={})})


@in_each_cloud
@pytest.mark.parametrize(
    ("status", "code"), [(500, "InternalError"), (503, "SlowDown"), (400, "ThrottlingException")]
)
def test_a_service_that_does_not_manage_is_unavailable(
    world: World, status: int, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK has tried again by then; whoever called may try later."""
    assert world.clients
    monkeypatch.setattr(time, "sleep", lambda _: None)
    body = json.dumps({"__type": code}).encode()
    with (
        answering(world.clients, lambda url: AWSResponse(url, status, {}, Body(body))) as asked,
        pytest.raises(Unavailable, match=code),
    ):
        world.table.get(JobRecord, "job-1")
    assert len(asked) == ATTEMPTS


@in_each_cloud
def test_a_service_that_does_not_answer_is_unavailable(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(url: str) -> AWSResponse:
        raise EndpointConnectionError(endpoint_url=url)

    assert world.clients
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with answering(world.clients, refuse), pytest.raises(Unavailable):
        world.table.get(JobRecord, "job-1")


@in_each_cloud
def test_of_several_blobs_none_is_on_its_way_when_one_has_failed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert world.clients
    monkeypatch.setattr(time, "sleep", lambda _: None)
    pause = Signal().wait

    def respond(request: Any, **_: Any) -> AWSResponse | None:
        if request.url.endswith("/3"):
            return AWSResponse(request.url, 503, {}, Body())
        pause(0.2)
        return None

    blobs = [Blob(f"ada/job/{number}", b"x", "text/plain") for number in range(4)]
    events = world.clients.client("s3").meta.events
    events.register_first("before-send.s3.PutObject", respond)
    try:
        with patch.object(world.clients, "wire", None), pytest.raises(Unavailable):
            world.system.artworks.put_all(blobs)
        there = list(world.system.artworks.keys("ada/job/"))
    finally:
        events.unregister("before-send.s3.PutObject", respond)
    assert {"ada/job/0", "ada/job/1", "ada/job/2"} <= set(there)


@in_each_cloud
def test_what_is_refused_for_good_is_not_taken_for_a_lost_race(world: World) -> None:
    with pytest.raises(Refused) as refused:
        world.table.put(job(params={"text": "x" * 410_000}))
    assert refused.value.code == "ValidationException"
    assert world.clients
    missing = DynamoTable(world.clients, "no-such-table")
    with pytest.raises(Refused, match="ResourceNotFoundException"):
        missing.get(JobRecord, "job-1")


def test_no_client_is_made_before_it_is_needed() -> None:
    code = """
import sys
import shared.bootstrap
assert "botocore" not in sys.modules and "boto3" not in sys.modules
from shared.aws import cloud
from shared.settings import Settings
cloud(Settings())
assert "botocore.session" in sys.modules and "boto3" not in sys.modules
assert "botocore.client" not in sys.modules or not [
    m for m in __import__("gc").get_objects() if type(m).__name__ in ("DynamoDB", "SQS", "S3")]
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.slow
def test_the_emulator_listens_to_this_machine_only(ministack: Emulator) -> None:
    assert listening_addresses(ministack.port) == {"127.0.0.1"}
