"""HTTP requests as payload-2.0 events, and back."""

import base64
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEventV2

from local.asgi import Request
from local.http_events import answer, authorizer_event, http_event


def request(**scope: Any) -> Request:
    async def receive() -> dict[str, Any]:
        raise AssertionError("not read")

    defaults = {
        "method": "POST",
        "path": "/v1/jobs/a b",
        "query_string": b"status=queued&status=running&x=%E7%94%BB&empty=",
        "http_version": "1.1",
        "client": ("127.0.0.9", 5),
        "headers": [
            (b"host", b"127.0.0.1:8080"),
            (b"X-Twice", b"a"),
            (b"x-twice", b"b"),
            (b"cookie", b"one=1; two=2"),
            (b"user-agent", b"test"),
            (b"content-type", b"application/json"),
            (b"authorization", b"Bearer k"),
        ],
    }
    return Request({**defaults, **scope}, receive)


def test_event_holds_what_api_gateway_sends() -> None:
    event = http_event(request(), b'{"a": 1}')

    assert event["version"] == "2.0"
    assert event["routeKey"] == event["requestContext"]["routeKey"] == "$default"
    assert event["rawPath"] == "/v1/jobs/a b"
    assert event["rawQueryString"].startswith("status=queued&status=running")
    assert event["queryStringParameters"] == {"status": "queued,running", "x": "画", "empty": ""}
    assert event["cookies"] == ["one=1", "two=2"]
    assert event["headers"]["x-twice"] == "a,b"
    assert "cookie" not in event["headers"]
    assert event["body"] == '{"a": 1}'
    assert event["isBase64Encoded"] is False
    http = event["requestContext"]["http"]
    assert http == {
        "method": "POST",
        "path": "/v1/jobs/a b",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.9",
        "userAgent": "test",
    }
    assert event["requestContext"]["stage"] == "$default"
    assert event["requestContext"]["timeEpoch"] > 1_700_000_000_000
    assert "authorizer" not in event["requestContext"]


def test_powertools_reads_the_event() -> None:
    read = APIGatewayProxyEventV2(http_event(request(), b'{"a": 1}'))

    assert read.json_body == {"a": 1}
    assert read.http_method == "POST"
    assert read.request_context.request_id


@pytest.mark.parametrize(
    ("content_type", "body"),
    [(b"image/png", b"\x89PNG"), (b"application/json", b"\xff\xfe"), (b"", b"text")],
)
def test_bodies_that_are_no_text_are_base64(content_type: bytes, body: bytes) -> None:
    event = http_event(request(headers=[(b"content-type", content_type)]), body)

    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == body


def test_no_body_no_query_no_cookies_no_fields() -> None:
    event = http_event(request(headers=[], query_string=b""), b"")

    assert not {"body", "queryStringParameters", "cookies"} & event.keys()


def test_authorizer_is_asked_as_api_gateway_asks() -> None:
    asked = authorizer_event(http_event(request(), b"secret"))

    assert asked["type"] == "REQUEST"
    assert asked["identitySource"] == ["Bearer k"]
    assert asked["routeArn"].startswith("arn:aws:execute-api:")
    assert asked["headers"]["authorization"] == "Bearer k"
    assert "body" not in asked


def test_answer_carries_status_headers_cookies_and_binary_body() -> None:
    response = {
        "statusCode": 201,
        "headers": {"X-A": "1", "Content-Length": "99"},
        "cookies": ["a=1", "b=2"],
        "body": base64.b64encode(b"\x00\x01").decode(),
        "isBase64Encoded": True,
    }

    plain = answer(response)

    assert plain.status == 201
    assert plain.body == b"\x00\x01"
    assert plain.headers == [("X-A", "1"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]


def test_answer_without_body() -> None:
    assert answer({"statusCode": 304}).body == b""
