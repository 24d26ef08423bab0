"""HTTP requests as the events that an API Gateway HTTP API sends (payload 2.0), and answers back.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
"""

import base64
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local.asgi import Plain, Request

Event = dict[str, Any]
Handler = Callable[[Event, Any], Any]

STAGE = "$default"
TEXT_TYPES = ("application/json", "application/xml", "application/x-www-form-urlencoded")


@dataclass(frozen=True)
class Context:
    """What Lambda tells a handler about its invocation."""

    function_name: str
    aws_request_id: str
    seconds: float = 30.0
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 512

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:local:000000000000:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


def http_event(request: Request, body: bytes) -> Event:
    """The event of one request."""
    headers = {name: value for name, value in request.headers.items() if name != "cookie"}
    event: Event = {
        "version": "2.0",
        "routeKey": STAGE,
        "rawPath": request.path,
        "rawQueryString": request.query_string,
        "headers": headers,
        "requestContext": _request_context(request),
        "isBase64Encoded": False,
    }
    if "cookie" in request.headers:
        event["cookies"] = [part.strip() for part in request.headers["cookie"].split(";")]
    if request.query:
        event["queryStringParameters"] = _joined(request.query)
    return event | _body(body, headers.get("content-type", "")) if body else event


def authorizer_event(event: Event) -> Event:
    """What the authorizer of this request is asked (simple responses, payload 2.0)."""
    asked = ("version", "routeKey", "rawPath", "rawQueryString", "headers", "requestContext")
    optional = ("cookies", "queryStringParameters")
    key = event["headers"].get("authorization")
    return {
        **{name: event[name] for name in asked},
        **{name: event[name] for name in optional if name in event},
        "type": "REQUEST",
        "routeArn": f"arn:aws:execute-api:local:000000000000:local/{STAGE}/{event['rawPath']}",
        "identitySource": [key] if key else None,
    }


def answer(response: Mapping[str, Any]) -> Plain:
    """A function's response as an HTTP answer."""
    text = response.get("body") or ""
    body = base64.b64decode(text) if response.get("isBase64Encoded") else text.encode()
    headers = [
        (name, str(value))
        for name, value in (response.get("headers") or {}).items()
        if name.lower() not in ("content-length", "connection", "transfer-encoding")
    ]
    cookies = [("set-cookie", cookie) for cookie in response.get("cookies") or []]
    return Plain(int(response["statusCode"]), headers + cookies, body)


def _request_context(request: Request) -> Event:
    now = time.time()
    host = request.headers.get("host", "")
    return {
        "accountId": "000000000000",
        "apiId": "local",
        "domainName": host.rpartition(":")[0] or host,
        "domainPrefix": "local",
        "http": {
            "method": request.method,
            "path": request.path,
            "protocol": f"HTTP/{request.scope.get('http_version', '1.1')}",
            "sourceIp": request.client,
            "userAgent": request.headers.get("user-agent", ""),
        },
        "requestId": secrets.token_urlsafe(11),
        "routeKey": STAGE,
        "stage": STAGE,
        "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "timeEpoch": int(now * 1000),
    }


def _joined(pairs: list[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _body(body: bytes, content_type: str) -> Event:
    if _is_text(content_type):
        try:
            return {"body": body.decode()}
        except UnicodeDecodeError:
            pass
    return {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}


def _is_text(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind in TEXT_TYPES or kind.startswith("text/") or kind.endswith(("+json", "+xml"))
