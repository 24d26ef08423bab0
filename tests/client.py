"""A client of the api function: real events in, answers out, no network between."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from functions.api.handler import handler


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


def answered(event: dict[str, Any]) -> Answer:
    """What the function answers to the event."""
    answer = handler(event, None)
    given = answer.get("headers", {}) | {
        name: values[0] for name, values in answer.get("multiValueHeaders", {}).items()
    }
    lowered = {name.lower(): value for name, value in given.items()}
    return Answer(answer["statusCode"], lowered, answer.get("body") or "")


@dataclass(frozen=True)
class Client:
    """One tenant's client; None is a caller whom no authorizer knows."""

    tenant: str | None = "local"
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Answer:
        return self.call("GET", path, None, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.call("POST", path, None if body is None else json.dumps(body), **headers)

    def delete(self, path: str) -> Answer:
        return self.call("DELETE", path, None)

    def call(self, method: str, path: str, body: str | None, **headers: str) -> Answer:
        named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
        return answered(self.event(method, path, body, {**self.headers, **named}))

    def event(
        self, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> dict[str, Any]:
        split = urlsplit(path)
        authorizer = {"lambda": {"tenant": self.tenant}} if self.tenant else {}
        return {
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": split.path,
            "rawQueryString": split.query,
            "headers": {"content-type": "application/json", **headers},
            "queryStringParameters": dict(parse_qsl(split.query)),
            "requestContext": {
                "stage": "$default",
                "authorizer": authorizer,
                "http": {"method": method, "path": split.path, "sourceIp": "127.0.0.1"},
            },
            "body": body,
            "isBase64Encoded": False,
        }
