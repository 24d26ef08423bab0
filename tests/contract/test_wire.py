"""The hot calls: sent as they were signed, believed when they are whole, else left to the SDK."""

import hmac
import json
import socket
import socketserver
import time
import zlib
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from threading import Barrier, Thread
from typing import Any, ClassVar
from unittest.mock import patch
from urllib.parse import quote

import botocore.auth
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials

from shared.aws.blobs import S3Blobs
from shared.aws.clients import Clients
from shared.aws.queue import SqsQueue
from shared.aws.signer import Signer
from shared.aws.table import DynamoTable
from shared.errors import Unavailable
from shared.ports import Blob, Letter
from shared.records import JobRecord
from tests.contract.conftest import CREDENTIALS, REGION
from tests.contract.worlds import job
from tests.receiver import Reply, Request, receiving, speaking
from tests.tls import certified

KEY = "ada/星 夜+~.png"
PICTURE = b"the bytes of a picture"
SUM = b64encode(zlib.crc32(PICTURE).to_bytes(4, "big")).decode()
NOTHING = sha256(b"").hexdigest()
GMTIME = time.gmtime
LETTER = Letter("body", "handle", 1, "ada")
TOKEN = "a role's"
SDK = "Botocore"
"""How the SDK names itself."""

Act = Callable[[Clients], Any]


def table(clients: Clients) -> DynamoTable:
    return DynamoTable(clients, "table")


def queue(clients: Clients) -> SqsQueue:
    return SqsQueue(clients, f"{clients.endpoint}/1/queue")


def blobs(clients: Clients) -> S3Blobs:
    return S3Blobs(clients, "bucket")


HOT: dict[str, Act] = {
    "GetItem": lambda clients: table(clients).get(JobRecord, "job-1"),
    "BatchGetItem": lambda clients: table(clients).get_many(JobRecord, ["job-1", "job-2"]),
    "PutItem": lambda clients: table(clients).put(job()),
    "SendMessage": lambda clients: queue(clients).send("body", "ada"),
    "ReceiveMessage": lambda clients: queue(clients).receive(10, 30),
    "ChangeMessageVisibility": lambda clients: queue(clients).extend(LETTER, 30),
    "ChangeMessageVisibilityBatch": lambda clients: queue(clients).extend_all({LETTER: 30}),
    "DeleteMessageBatch": lambda clients: queue(clients).delete(LETTER, LETTER),
    "PUT": lambda clients: blobs(clients).put(KEY, PICTURE, "image/png"),
    "GET": lambda clients: blobs(clients).get(KEY),
}


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in CREDENTIALS.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    monkeypatch.setattr(time, "sleep", lambda _: None)


def is_signed(request: Request, service: str, digest: str = "") -> bool:
    """Whether the signature holds for what has arrived.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    said = dict(
        part.split("=", 1)
        for part in request.headers["authorization"].removeprefix("AWS4-HMAC-SHA256 ").split(", ")
    )
    moment, digest = request.headers["x-amz-date"], digest or sha256(request.body).hexdigest()
    names = said["SignedHeaders"].split(";")
    lines = [f"{name}:{request.headers[name].strip()}" for name in names]
    canonical = [request.method, request.path, "", *lines, "", ";".join(names), digest]
    scope = f"{moment[:8]}/{REGION}/{service}/aws4_request"
    key = b"AWS4" + CREDENTIALS["AWS_SECRET_ACCESS_KEY"].encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = ["AWS4-HMAC-SHA256", moment, scope, sha256("\n".join(canonical).encode()).hexdigest()]
    return said["Signature"] == hmac.digest(key, "\n".join(text).encode(), "sha256").hex()


@pytest.mark.parametrize("operation", HOT)
def test_a_hot_call_is_one_request_whose_signature_holds(operation: str) -> None:
    with receiving(Reply(body=b"{}")) as aws:
        HOT[operation](Clients(aws.url("")))
    (request,) = aws.requests
    service = {"Get": "dynamodb", "Bat": "dynamodb", "Put": "dynamodb", "GET": "s3", "PUT": "s3"}
    assert is_signed(request, service.get(operation[:3], "sqs"))
    assert SDK not in request.headers.get("user-agent", "")
    assert request.headers["x-amz-security-token"] == TOKEN
    assert request.headers.get("x-amz-target", f".{request.method}").endswith(f".{operation}")
    if request.method == "POST":
        assert request.headers["content-type"] == "application/x-amz-json-1.0"


def test_the_key_follows_the_secret_and_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is drawn once for both."""
    day, signer = 86_400, Signer("dynamodb", REGION)
    signed = []
    for seconds in (0, day, 0):
        monkeypatch.setattr(time, "gmtime", lambda now=seconds: GMTIME(now))
        for secret in ("one", "two"):
            credentials = ReadOnlyCredentials("access", secret, None)
            found = signer.sign(credentials, "POST", "/", {"host": "aws"}, NOTHING)
            assert found["authorization"] == by_the_sdk(credentials, seconds)
            signed.append(found["authorization"])
    assert len(set(signed)) == 4


def by_the_sdk(credentials: ReadOnlyCredentials, seconds: int) -> str:
    request = AWSRequest("POST", "http://aws/", {}, b"")
    moment = datetime.fromtimestamp(seconds, UTC)
    with patch.object(botocore.auth, "get_current_datetime", lambda: moment):
        SigV4Auth(credentials, "dynamodb", REGION).add_auth(request)
    return str(request.headers["Authorization"])


DAMAGED = {
    "an error": Reply(500, b"{}"),
    "another item": Reply(body=b"{}", headers={"x-amz-crc32": "1"}),
    "half an item": Reply(body=b'{"Item": {'),
}


@pytest.mark.parametrize("answer", DAMAGED.values(), ids=list(DAMAGED))
def test_an_answer_that_is_not_well_is_left_to_the_sdk(answer: Reply) -> None:
    with receiving(answer, Reply(body=b'{"Messages": []}')) as aws:
        assert queue(Clients(aws.url(""))).receive(10, 30) == []
    by_hand, by_the_sdk = aws.requests
    assert SDK not in by_hand.headers.get("user-agent", "")
    assert SDK in by_the_sdk.headers["user-agent"]
    assert json.loads(by_hand.body) == json.loads(by_the_sdk.body)


def test_a_blob_that_does_not_fit_its_checksum_is_got_again() -> None:
    damaged, whole = (
        Reply(
            body=data, headers={"x-amz-checksum-crc32": SUM, "x-amz-checksum-type": "FULL_OBJECT"}
        )
        for data in (PICTURE[:-1], PICTURE)
    )
    with receiving(damaged, whole) as aws:
        assert blobs(Clients(aws.url(""))).get(KEY) == PICTURE
    assert len(aws.requests) == 2


STRANGE = {
    "no length": b"HTTP/1.1 200 OK\r\n\r\n{}",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "an odd length": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n{}",
    "half of it": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}",
    "more than all": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{}",
    "not HTTP": b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "no status": b"HTTP/1.1 well\r\nContent-Length: 2\r\n\r\n{}",
    "nothing": b"",
}


@pytest.mark.parametrize("said", STRANGE.values(), ids=list(STRANGE))
def test_an_answer_of_another_kind_is_left_to_the_sdk(said: bytes) -> None:
    taken: list[socket.socket] = []

    def speak(sock: socket.socket) -> None:
        whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
        sock.sendall(whole if taken else said)
        taken.append(sock)

    with speaking(speak) as url:
        assert table(Clients(url.rstrip("/"))).get(JobRecord, "job-1") is None
    assert len(taken) == 2


def test_what_would_write_another_header_is_not_sent() -> None:
    with receiving() as aws, pytest.raises(ValueError, match="line break"):
        blobs(Clients(aws.url(""))).put(KEY, PICTURE, "image/png\r\nx-amz-acl: public-read")
    assert aws.requests == []


def test_many_blobs_are_put_at_the_same_time() -> None:
    """None is answered before all are asked; the large ones are three."""
    wanted = [Blob(f"{KEY}{n}", PICTURE * (2**17 if n < 3 else 1), "image/png") for n in range(7)]
    together = Barrier(len(wanted))
    with receiving(before=lambda: together.wait(60)) as aws:
        blobs(Clients(aws.url(""))).put_all(wanted)
    assert {(one.path, one.body) for one in aws.requests} == {
        (f"/bucket/{quote(blob.key, safe='/~')}", blob.data) for blob in wanted
    }


def test_through_tls_a_blob_is_signed_by_its_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, trust = certified(tmp_path, "localhost")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(trust))
    with receiving(tls=server) as aws:
        endpoint = aws.url("", host="localhost", scheme="https")
        blobs(Clients(endpoint)).put(KEY, PICTURE, "image/png")
    (request,) = aws.requests
    assert request.headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"
    assert request.headers["x-amz-checksum-crc32"] == SUM
    assert is_signed(request, "s3", digest="UNSIGNED-PAYLOAD")


def test_a_blob_is_put_with_its_checksum() -> None:
    with receiving() as aws:
        blobs(Clients(aws.url(""))).put(KEY, PICTURE, "image/png")
    (request,) = aws.requests
    assert request.headers["x-amz-checksum-crc32"] == SUM
    assert request.headers["content-type"] == "image/png"
    assert (request.path, request.body) == (f"/bucket/{quote(KEY, safe='/~')}", PICTURE)


class TwoAnswers(socketserver.StreamRequestHandler):
    """Leaves without a word when it has answered twice."""

    taken: ClassVar[list[object]] = []

    def handle(self) -> None:
        self.taken.append(self.client_address)
        for _ in range(2):
            if not self._heard():
                return
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    def _heard(self) -> bool:
        head = list(iter(lambda: self.rfile.readline().strip().lower(), b""))
        lengths = [int(line.partition(b":")[2]) for line in head if b"content-length" in line]
        return bool(head and self.rfile.read(sum(lengths)))


def test_a_connection_is_kept_until_the_other_side_leaves() -> None:
    TwoAnswers.taken.clear()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), TwoAnswers) as server:
        server.daemon_threads = True
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        letters = queue(Clients(f"http://127.0.0.1:{server.server_address[1]}"))
        assert [letters.receive(10, 30) for _ in range(5)] == [[]] * 5
        server.shutdown()
    assert len(TwoAnswers.taken) == 3, "two calls, one that the SDK had to make, and two"


def test_who_is_trusted_is_whom_the_sdk_trusts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, trust = certified(tmp_path, "localhost")
    with receiving(Reply(body=b"{}"), tls=server) as aws:
        endpoint = aws.url("", host="localhost", scheme="https")
        with pytest.raises(Unavailable):
            table(Clients(endpoint)).get(JobRecord, "job-1")
        assert aws.requests == []
        monkeypatch.setenv("AWS_CA_BUNDLE", str(trust))
        assert table(Clients(endpoint)).get(JobRecord, "job-1") is None
        (request,) = aws.requests
        assert SDK not in request.headers.get("user-agent", "")
