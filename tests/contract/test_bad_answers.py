"""What comes back from AWS broken, or not at all, is `Unavailable`: no job is blamed for it."""

import json
import os
import secrets
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from pydantic_core import to_json

from shared.aws.blobs import S3Blobs
from shared.aws.clients import Clients
from shared.aws.queue import SqsQueue
from shared.aws.table import DynamoTable, _item
from shared.errors import Unavailable
from shared.ports import Letter
from shared.records import JobRecord
from tests.contract.conftest import CREDENTIALS
from tests.contract.worlds import NOW, job
from tests.receiver import Reply, receiving, speaking

PICTURE = b"the bytes of a picture"
CRC32 = "AAAAAA=="
"""Not that of the picture."""


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in CREDENTIALS.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(time, "sleep", lambda _: None)


@contextmanager
def answered(status: str, body: bytes, *headers: str, length: int | None = None) -> Iterator[str]:
    """An AWS that gives this answer to everything, and hangs up."""
    head = [
        f"HTTP/1.1 {status}",
        f"Content-Length: {len(body) if length is None else length}",
        "Connection: close",
        *headers,
    ]
    with speaking(saying("\r\n".join([*head, "", ""]).encode() + body)) as url:
        yield url.rstrip("/")


def saying(answer: bytes) -> Callable[[socket.socket], object]:
    return lambda sock: sock.sendall(answer)


def blobs(endpoint: str) -> S3Blobs:
    return S3Blobs(Clients(endpoint), "bucket")


def test_half_a_blob_is_none() -> None:
    with answered("200 OK", PICTURE, length=2 * len(PICTURE)) as url, pytest.raises(Unavailable):
        blobs(url).get("key")


def test_what_does_not_answer_is_not_told_by_its_url() -> None:
    name = secrets.token_hex(8)
    with pytest.raises(Unavailable) as raised:
        blobs("http://127.0.0.1:9").get(f"drops/ada/summer/{name}.png")
    assert name not in "".join(traceback.format_exception(raised.value))


def test_a_blob_that_does_not_fit_its_checksum_is_none() -> None:
    checksum = (f"x-amz-checksum-crc32: {CRC32}", "x-amz-checksum-type: FULL_OBJECT")
    with answered("200 OK", PICTURE, *checksum) as url, pytest.raises(Unavailable):
        blobs(url).get("key")


def test_a_whole_blob_is_one() -> None:
    with answered("200 OK", PICTURE) as url:
        assert blobs(url).get("key") == PICTURE


def test_a_list_that_cannot_be_read_is_none() -> None:
    torn = b"<ListBucketResult><Contents><Key>a</Key>"
    with answered("200 OK", torn) as url, pytest.raises(Unavailable):
        list(blobs(url).keys("a/"))


def test_a_copy_that_fails_after_it_said_ok_has_failed() -> None:
    late = b"<Error><Code>InternalError</Code><Message/></Error>"
    with answered("200 OK", late) as url, pytest.raises(Unavailable):
        blobs(url).copy("key", blobs(url), "source")


def left_out(*keys: str, **found: object) -> Reply:
    """An answer that leaves out these keys."""
    left = {"table": {"Keys": [{"pk": {"S": key}, "sk": {"S": "job"}} for key in keys]}}
    return Reply(body=to_json({"Responses": found, "UnprocessedKeys": left if keys else {}}))


def test_what_a_batch_leaves_out_is_asked_for_again() -> None:
    stored = dict(_item(job("job-2"), "token"))
    with receiving(left_out("job-2"), left_out(table=[stored])) as aws:
        found = DynamoTable(Clients(aws.url("")), "table").get_many(JobRecord, ["job-1", "job-2"])
    assert list(found) == ["job-2"]
    asked = [json.loads(one.body)["RequestItems"]["table"] for one in aws.requests]
    assert [[key["pk"]["S"] for key in one["Keys"]] for one in asked] == [
        ["job-1", "job-2"],
        ["job-2"],
    ]
    assert all(one["ConsistentRead"] for one in asked)


def test_what_is_left_out_again_and_again_is_not_taken_for_gone() -> None:
    with receiving(left_out("job-1")) as aws, pytest.raises(Unavailable):
        DynamoTable(Clients(aws.url("")), "table").get_many(JobRecord, ["job-1"])
    assert len(aws.requests) > 3


def test_of_a_batch_of_letters_those_that_failed_are_told() -> None:
    letters = [Letter("body", f"handle-{number}", 1, "ada") for number in range(12)]
    failed = [{"Id": "3", "Code": "InternalError"}, {"Id": "4", "Code": "ReceiptHandleIsInvalid"}]
    with receiving(Reply(body=to_json({"Failed": failed})), Reply(body=b"{}")) as aws:
        queue = SqsQueue(Clients(aws.url("")), aws.url("/1/queue"))
        assert queue.extend_all(dict.fromkeys(letters, 1.5)) == [letters[3]]
    sizes = [len(json.loads(one.body)["Entries"]) for one in aws.requests]
    assert sizes == [10, 2]


@pytest.mark.parametrize(
    "code",
    [
        "AccessDeniedException",
        "ExpiredTokenException",
        "InvalidSignatureException",
        "ProvisionedThroughputExceededException",
        "UnrecognizedClientException",
    ],
)
def test_credentials_and_clocks_that_are_wrong_are_nobodys_fault(code: str) -> None:
    told = to_json({"__type": code, "message": "no"})
    with answered("400 Bad Request", told) as url, pytest.raises(Unavailable, match=code):
        DynamoTable(Clients(url), "table").get(JobRecord, "job-1")


@pytest.mark.parametrize(
    "code",
    [
        *("BadDigest", "RequestTimeTooSkewed", "ExpiredToken", "SlowDown", "NoSuchBucket"),
        *("KMS.DisabledException", "KmsThrottled"),
    ],
)
def test_what_the_storage_will_take_later_is_worth_another_try(code: str) -> None:
    told = f"<Error><Code>{code}</Code><Message/></Error>".encode()
    with answered("400 Bad Request", told) as url, pytest.raises(Unavailable, match=code):
        blobs(url).put("key", PICTURE, "image/png")


def test_a_head_that_is_forbidden_is_no_missing_blob() -> None:
    with answered("403 Forbidden", b"") as url, pytest.raises(Unavailable):
        blobs(url).head("key")


def test_without_credentials_nothing_is_available(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [name for name in os.environ if name.startswith("AWS_ACCESS_KEY")]:
        monkeypatch.delenv(variable)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(Unavailable):
        SqsQueue(Clients("http://127.0.0.1:9"), "http://127.0.0.1:9/q").depth()
    with pytest.raises(Unavailable):
        blobs("http://127.0.0.1:9").sign_get("key", NOW)


def test_a_roles_credentials_that_come_expired_are_nobodys_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As the agent of ECS gives them while it cannot reach its service."""
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    role = {"AccessKeyId": "a", "SecretAccessKey": "s", "Token": "t"}
    with receiving(Reply(body=to_json({**role, "Expiration": "2026-01-01T00:00:00Z"}))) as agent:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", agent.url("/role"))
        with pytest.raises(Unavailable, match="expired"):
            blobs("http://127.0.0.1:9").get("key")
        with pytest.raises(Unavailable, match="expired"):
            DynamoTable(Clients("http://127.0.0.1:9"), "table").get(JobRecord, "job-1")
