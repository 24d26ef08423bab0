"""What is one tenant's is, for every other, as if it had never been."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from functions.api.openapi import description
from functions.ingest.arrival import Arrival, take
from gpu_worker.worker import Worker
from local.front import build
from local.gateway import Functions
from shared import lifecycle
from shared.keys import create_key, revoke_key
from shared.records import JobRecord
from shared.system import System
from tests.client import Answer, Client, answered
from tests.integration.owned import (
    DOORS,
    HOOK,
    IDEMPOTENCY_KEY,
    NOTHING,
    PIXEL,
    Ask,
    Owned,
    by_front,
    everything,
    state,
)

Fill = Callable[[Owned], list[str]]
PARAMETERS: dict[str, Fill] = {
    "job_id": lambda owned: list(owned.jobs),
    "artwork_id": lambda owned: [f"{job}-0" for job in owned.jobs],
    "n": lambda owned: ["0"],
    "name": lambda owned: ["plain"],
    "wait": lambda owned: ["", "1"],
    "status": lambda owned: ["", "succeeded"],
    "batch": lambda owned: ["", owned.batch],
    "cursor": lambda owned: ["", owned.jobs[-1]],
    "if-none-match": lambda owned: ["*"],
    "idempotency-key": lambda owned: [""],
}
"""What stands for each parameter of the OpenAPI document. One that is new belongs here."""
BODIES: dict[str, Callable[[str], list[Any]]] = {
    "post /v1/jobs": lambda upload: [
        {"model": "plain", "input": {"image": {"upload": upload}}},
        {
            "model": "paint",
            "input": {"image": {"url": HOOK}, "style_image": {"upload": upload}},
        },
    ],
    "post /v1/uploads": lambda upload: [
        {
            "content_type": "image/png",
            "size": 5,
            "job": {"model": "paint", "input": {"style_image": {"upload": upload}}},
        }
    ],
}
"""The bodies that name an upload, for each operation that takes one."""


def tries(owned: Owned) -> Iterator[tuple[str, str, Any, dict[str, str]]]:
    """Every operation that the document names, with everything that is owned."""
    for path, operations in json.loads(description())["paths"].items():
        for method, operation in operations.items():
            named = [parameter["name"] for parameter in operation.get("parameters", [])]
            places = {one["name"]: one["in"] for one in operation.get("parameters", [])}
            bodies: list[Any] = [None]
            if "requestBody" in operation:
                fill = BODIES[f"{method} {path}"]
                bodies = [body for upload in owned.uploads for body in fill(upload)]
            for chosen in product(*(PARAMETERS[name](owned) for name in named)):
                given = dict(zip(named, chosen, strict=True))
                query = "&".join(f"{k}={v}" for k, v in given.items() if places[k] == "query" and v)
                headers = {k: v for k, v in given.items() if places[k] == "header" and v}
                target = path.format(**{k: v for k, v in given.items() if places[k] == "path"})
                for body in bodies:
                    yield method.upper(), f"{target}?{query}", body, headers


def shown(answer: Answer, owned: Owned) -> tuple[int, str, list[str]]:
    """The answer without the ids that it was asked for."""
    text = answer.text
    for number, one in enumerate((*owned.jobs, *owned.uploads)):
        text = text.replace(one, f"<{number}>")
    return answer.status, text.replace(owned.batch, "<batch>"), sorted(answer.headers)


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest, connected: System) -> Callable[[str], Ask]:
    return lambda tenant: DOORS[request.param](connected, tenant)


@pytest.fixture
def owned(connected: System, door: Callable[[str], Ask], hand: Worker) -> Owned:
    return everything(connected, door("ann"), hand, "ann")


def test_every_call_is_answered_as_if_there_were_nothing(
    connected: System, owned: Owned, door: Callable[[str], Ask]
) -> None:
    bob = door("bob")
    before, asked = state(connected), 0
    for one, nothing in zip(tries(owned), tries(NOTHING), strict=True):
        method, path, body, headers = one
        got, expected = bob(method, path, body, **headers), bob(*nothing[:3], **nothing[3])
        assert shown(got, owned) == shown(expected, NOTHING), f"{method} {path} {body}"
        assert got.status < 500, got.text
        asked += 1
    assert asked > 50
    assert state(connected) == before


def test_the_owner_is_told_of_all_of_it(owned: Owned, door: Callable[[str], Ask]) -> None:
    """Else the test above would prove nothing."""
    ann = door("ann")
    *there, deleted = [ann("GET", f"/v1/jobs/{job}").status for job in owned.jobs]
    assert (there, deleted) == ([200] * 5, 410)
    assert ann("GET", f"/v1/artworks/{owned.jobs[0]}-0/manifest").status == 200
    assert ann("GET", f"/v1/jobs/{owned.jobs[0]}/deliveries").json["items"][0]["url"] == HOOK
    assert len(ann("GET", f"/v1/jobs?batch={owned.batch}").json["items"]) == 1
    job = {"model": "plain", "input": {"image": {"upload": owned.uploads[1]}}}
    assert ann("POST", "/v1/jobs", job).status == 202


def test_nobody_is_kept_waiting_for_anothers_job(owned: Owned, door: Callable[[str], Ask]) -> None:
    """To wait for it would tell that it is there."""
    begun = time.monotonic()
    assert door("bob")("GET", f"/v1/jobs/{owned.jobs[3]}?wait=20").status == 404
    assert time.monotonic() - begun < 15


def test_an_idempotency_key_is_its_tenants_own(owned: Owned, door: Callable[[str], Ask]) -> None:
    body = {"model": "plain", "input": {"text": "another"}}
    answered = door("bob")("POST", "/v1/jobs", body, Idempotency_Key=IDEMPOTENCY_KEY)
    assert answered.status == 202
    assert answered.json["id"] not in owned.jobs


def test_a_job_reads_its_own_tenants_uploads_only(
    connected: System, owned: Owned, hand: Worker, door: Callable[[str], Ask]
) -> None:
    """Whatever came past the api."""
    bob = door("bob")
    job_id = bob("POST", "/v1/jobs", {"model": "plain", "input": {"text": "x"}}).json["id"]
    job = connected.table.get(JobRecord, job_id)
    assert job is not None
    stolen = {"image": {"upload": owned.uploads[1]}}
    connected.table.put(job.model_copy(update={"input": stolen}))
    for _ in range(3):
        hand.once()
    assert bob("GET", f"/v1/jobs/{job_id}").json["error"]["code"] == "input_missing"


# Signed URLs


def test_a_signed_url_opens_nothing_else(connected: System, owned: Owned) -> None:
    front, _ = build(connected, Functions(_never, _never, _never), None)
    ann, bob = by_front(connected, "ann"), by_front(connected, "bob")
    blob = urlsplit(ann("GET", f"/v1/jobs/{owned.jobs[0]}").json["artworks"][0]["url"])
    ticket = bob("POST", "/v1/uploads", {"content_type": "image/png", "size": len(PIXEL)}).json
    put, headers = urlsplit(ticket["url"]), ticket["headers"]
    theirs = f"/blobs/inbox/uploads/ann/{owned.uploads[1]}"
    before = state(connected)
    for method, path, query in (
        ("GET", theirs, put.query),
        ("PUT", theirs, put.query),
        ("GET", put.path, put.query),
        ("PUT", put.path.replace("bob", "ann"), put.query),
        ("PUT", put.path.replace("inbox", "artworks"), put.query),
        ("PUT", put.path, put.query.replace(f"size={len(PIXEL)}", "size=9")),
        ("PUT", put.path, put.query + "&type=image/gif"),
        ("GET", theirs, blob.query),
        ("PUT", blob.path, blob.query),
        ("PUT", put.path, blob.query),
        ("DELETE", blob.path, blob.query),
        ("GET", blob.path.replace("artworks", "inbox", 1), blob.query),
        ("GET", blob.path.replace(".png", ".manifest.json"), blob.query),
        ("GET", blob.path + "/../../x", blob.query),
        ("GET", blob.path, blob.query.replace("expires=1", "expires=2")),
        ("GET", blob.path, blob.query[:-1]),
        ("GET", blob.path, "expires=9999999999&signature="),
        ("GET", blob.path, ""),
    ):
        sent = {"content": PIXEL, "headers": headers} if method == "PUT" else {}
        answered = _call(front, method, f"{path}?{query}", **sent)
        assert answered.status_code in (403, 405), f"{method} {path}?{query} {answered.text}"
    assert state(connected) == before
    assert _call(front, "GET", f"{blob.path}?{blob.query}").status_code == 200


def _never(event: Any, context: Any) -> Any:
    raise AssertionError("a signed URL is no call of a function")


def _call(front: Any, method: str, url: str, **options: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=front)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, url, **options)

    return asyncio.run(ask())


# Keys and tokens


def test_only_a_good_key_opens(connected: System) -> None:
    record, good = create_key(connected.table, "ann", "good", connected.now())
    revoked, old = create_key(connected.table, "ann", "old", connected.now())
    revoke_key(connected.table, revoked.id, connected.now())
    ask = by_front(connected, "bob")
    assert ask("GET", "/v1/jobs", authorization=f"Bearer {good}").status == 200
    for bad in (
        *("", "Bearer", "Bearer ", f"Basic {good}", good, f"Bearer {good} {good}"),
        *(f"Bearer {text}" for text in (old, good.upper(), good[:-1], good + "A", good * 100)),
        *(f"Bearer {text}" for text in (record.id, record.digest, "ak_", "*", "%", f"{good}%00")),
        f"Bearer {good},Bearer {good}",
    ):
        assert ask("GET", "/v1/jobs", authorization=bad).status == 401, bad


def test_of_a_key_only_the_hash_is_kept(connected: System) -> None:
    _, secret = create_key(connected.table, "ann", "a key", connected.now())
    kept = b"".join(state(connected).values()) + "".join(state(connected)).encode()
    assert secret.encode() not in kept
    assert secret.rpartition("_")[2].encode() not in kept


ESCAPES = (
    "..",
    "../bob",
    "mirror",
    "ANN",
    "аnn",
    "ａnn",
    "ann/",
    "a b",
    "",
    "a" * 64,
    "ann\n",
    "*",
)


@pytest.mark.parametrize("claim", ["tenant", "custom:tenant"])
def test_a_token_names_its_tenant(connected: System, claim: str) -> None:
    def ask(tenant: object) -> Answer:
        event = Client().event("GET", "/v1/jobs", None, {})
        event["requestContext"]["authorizer"] = {"jwt": {"claims": {claim: tenant}, "scopes": None}}
        return answered(event)

    assert ask("ann").status == 200
    for tenant in ESCAPES:
        assert ask(tenant).status in (401, 403), tenant


# Drops


@pytest.mark.parametrize("tenant", ESCAPES)
def test_a_drop_prefix_that_is_no_tenants_makes_no_job(connected: System, tenant: str) -> None:
    for key in (f"drops/{tenant}/batch/a.png", f"drops/ann/../{tenant}/b/a.png"):
        before = state(connected)
        take(connected, Arrival("inbox", key, 5, "1"))
        assert state(connected) == before, key


def test_a_batch_is_its_tenants_own(connected: System, owned: Owned) -> None:
    connected.inbox.put("drops/bob/summer-of-ann/b.png", PIXEL, "image/png")
    take(connected, Arrival("inbox", "drops/bob/summer-of-ann/b.png", 5, "1"))
    (of_bob,) = connected.table.batch("bob/summer-of-ann", None, 10)
    lifecycle.apply(connected.table, of_bob, lambda job: lifecycle.cancel(job, connected.now()))
    assert [job.tenant for job in connected.table.batch("ann/summer-of-ann", None, 10)] == ["ann"]
