"""All that one tenant can have, and the two doors by which others may try to get at it."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from functions.announcing import announce
from functions.api.handler import handler as api
from functions.authorize.handler import handler as authorize
from functions.ingest.arrival import Arrival, take
from functions.studio.handler import handler as studio
from gpu_worker.worker import Worker
from local.front import build
from local.gateway import Functions
from shared.keys import create_key
from shared.records import JobRecord, UploadRecord
from shared.system import System
from tests.client import Answer, Client

PIXEL = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00"
)
HOOK = "https://hooks.example.invalid/hook"
IDEMPOTENCY_KEY = "ann-order-1"
Ask = Callable[..., Answer]
"""From a method, a path, a body and headers to an answer."""


def by_function(system: System, tenant: str) -> Ask:
    """As in the cloud: the gateway's authorizer has found the tenant."""

    def ask(method: str, path: str, body: Any = None, **headers: str) -> Answer:
        sent = None if body is None else json.dumps(body)
        return Client(tenant).call(method, path, sent, **headers)

    return ask


def by_front(system: System, tenant: str) -> Ask:
    """As on a machine that others can reach: with an API key of the tenant's."""
    _, secret = create_key(system.table, tenant, "test", system.now())
    front, _ = build(system, Functions(api, studio, authorize), None)

    async def send(method: str, path: str, body: Any, headers: Mapping[str, str]) -> httpx.Response:
        transport = httpx.ASGITransport(app=front)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            return await client.request(method, path, json=body, headers=headers)

    def ask(method: str, path: str, body: Any = None, **headers: str) -> Answer:
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        key = {"authorization": f"Bearer {secret}"}
        given = asyncio.run(send(method, path, body, key | named))
        return Answer(given.status_code, dict(given.headers), given.text)

    return ask


DOORS = {"function": by_function, "front": by_front}


@dataclass(frozen=True)
class Owned:
    """The ids of what a tenant has; each may also be one that never was."""

    jobs: tuple[str, ...]
    uploads: tuple[str, ...]
    batch: str


NOTHING = Owned(
    jobs=tuple(f"{n:026d}" for n in range(6)),
    uploads=tuple(f"{n:026d}" for n in range(6, 8)),
    batch="batch-that-never-was",
)


def everything(system: System, ask: Ask, hand: Worker, tenant: str) -> Owned:
    """Jobs in every state, with artworks, uploads, a drop, a delivery and an idempotency key."""
    waiting, asked = _upload(ask, {"job": {"model": "plain"}}), _upload(ask, {})
    free = _arrived(system, _upload(ask, {})["id"])
    used = _arrived(system, asked["id"])
    done = _job(ask, text="a cat", webhook=HOOK, Idempotency_Key=IDEMPOTENCY_KEY)
    pictured = _job(ask, image={"upload": used})
    key = f"drops/{tenant}/summer-of-ann/a.png"
    system.inbox.put(key, PIXEL, "image/png")
    take(system, Arrival("inbox", key, 10, "1"))
    dropped = next(job.id for job in system.table.batch(f"{tenant}/summer-of-ann", None, 10))
    for _ in range(3):
        hand.once()
    for job_id in (done, pictured, dropped):
        announce(system, _record(system, job_id))
    queued, deleted = _job(ask, text="later"), _job(ask, text="never")
    assert ask("DELETE", f"/v1/jobs/{deleted}").status == 204
    assert {_record(system, one).status for one in (done, pictured, dropped)} == {"succeeded"}
    return Owned(
        jobs=(done, pictured, dropped, queued, waiting["job_id"], deleted),
        uploads=(free, used),
        batch="summer-of-ann",
    )


def _upload(ask: Ask, more: dict[str, Any]) -> Any:
    wish = {"content_type": "image/png", "size": len(PIXEL), "filename": "me.png"}
    return ask("POST", "/v1/uploads", wish | more).json


def _arrived(system: System, upload_id: str) -> str:
    upload = system.table.get(UploadRecord, upload_id)
    assert upload is not None
    system.inbox.put(upload.key, PIXEL, upload.content_type)
    return upload_id


def _job(ask: Ask, webhook: str | None = None, Idempotency_Key: str = "", **given: Any) -> str:  # noqa: N803
    headers = {"Idempotency_Key": Idempotency_Key} if Idempotency_Key else {}
    body = {"model": "plain", "input": given, "webhook": webhook}
    answered = ask("POST", "/v1/jobs", body, **headers)
    assert answered.status == 202, answered.text
    return str(answered.json["id"])


def _record(system: System, job_id: str) -> JobRecord:
    found = system.table.get(JobRecord, job_id)
    assert found is not None
    return found


def state(system: System) -> dict[str, bytes]:
    """Everything that is kept: the table's rows, and the files apart from the database's own."""
    folder = system.settings.data
    assert folder is not None
    return dict(_rows(folder)) | dict(_files(folder))


def _rows(folder: Path) -> Iterator[tuple[str, bytes]]:
    with sqlite3.connect(folder / "atelier.db") as database:
        rows = database.execute("SELECT pk, sk, version, body FROM items").fetchall()
    database.close()
    yield from ((f"{pk} {sk}", f"{version} {body}".encode()) for pk, sk, version, body in rows)


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for place in ("uploads", "drops", "artworks"):
        for path in (folder / place).rglob("*"):
            if path.is_file() and ".scratch" not in path.parts:
                yield str(path.relative_to(folder)), path.read_bytes()
