"""Hostile events, drawn from a seed: in the cloud no front of ours stands before the functions."""

import base64
import json
from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any

from tests.hostile.bodies import JOB, UPLOAD, broken_object, document

Event = dict[str, Any]

TEXTS = (
    *(
        "",
        "\x00",
        "\ud800",
        "\udfff\ud800",
        "\ufeff",
        "\u202e",
        "a" * 300_000,
        "🎨" * 5000,
        "..",
        "%00",
    ),
    *(
        "/v1/jobs/" + "0" * 26,
        "/v1/jobs/\ud800",
        "/v1/artworks/\u202e-0",
        "//",
        "\r\nX: y",
        "*",
        "1e400",
    ),
)
ODD: tuple[Any, ...] = (
    None,
    [],
    {},
    0,
    -1,
    1e308,
    True,
    [None],
    {"": None},
    {"a": {"b": []}},
    *TEXTS,
)
PATHS = (
    *("/v1/jobs", "/v1/uploads", "/v1/jobs/{}", "/v1/jobs/{}/cancel", "/v1/jobs/{}/deliveries"),
    *("/v1/artworks/{}", "/v1/artworks/{}-0/manifest", "/v1/models/{}", "/v1/models", "/health"),
    *("/v1/openapi.json", "/", "/studio/app.js", "/v1/jobs/{}/deliveries/0/redeliver"),
)
NAMES = ("wait", "status", "batch", "cursor", "\ud800", "")


def events(seed: int, count: int) -> Iterator[Event]:
    """`count` events of an HTTP API, each wrong in one way or several."""
    random = Random(seed)
    return (_odd(random, _sound(random)) for _ in range(count))


def _sound(random: Random) -> Event:
    method = random.choice(("GET", "GET", "POST", "POST", "DELETE", "HEAD", "OPTIONS", "PUT"))
    path = random.choice(PATHS).replace("{}", random.choice(("0" * 26, *TEXTS)))
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "art.test"},
        "queryStringParameters": {random.choice(NAMES): random.choice(TEXTS)},
        "requestContext": {
            "stage": "$default",
            "requestId": "x",
            "authorizer": {"lambda": {"tenant": "ann"}},
            "http": {"method": method, "path": path, "sourceIp": "127.0.0.1"},
        },
        **(_body(random) if method == "POST" else {}),
    }


def _body(random: Random) -> Event:
    sound = random.choice((JOB, UPLOAD))
    body = random.choice((broken_object, document))(random, sound)
    lies = random.random() < 0.1
    if random.random() < 0.5:
        return {"body": base64.b64encode(body).decode(), "isBase64Encoded": not lies}
    return {"body": body.decode("utf-8", "surrogateescape"), "isBase64Encoded": lies}


def _odd(random: Random, event: Event) -> Event:
    """One or two of its parts, at any depth, gone or replaced."""
    changed = deepcopy(event)
    for _ in range(random.choice((0, 1, 1, 2))):
        holder, name = random.choice(list(_places(changed)))
        if random.random() < 0.3:
            del holder[name]
        else:
            holder[name] = deepcopy(random.choice(ODD))
    return changed


def _places(event: Event) -> Iterator[tuple[Event, str]]:
    for name, held in event.items():
        yield event, name
        if isinstance(held, dict):
            yield from _places(held)


def told(event: Event) -> str:
    """The beginning of an event, for who reads of it."""
    return json.dumps(event)[:600]
