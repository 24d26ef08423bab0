"""`?wait=` at the front of one machine: a crowd that waits, and those who do not."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from functions.api.handler import handler
from local.front import Front, build
from local.gateway import HANDLERS, Functions
from shared import lifecycle
from shared.contract import JobError
from shared.records import JobRecord
from shared.system import System

CROWD = 8 * HANDLERS
PLAIN = {"model": "plain", "input": {}}
GIVE_UP = 60


@pytest.fixture
def front(connected: System) -> Front:
    return build(connected, Functions(handler, handler), None)[0]


def client(front: Front) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=front)
    return httpx.AsyncClient(transport=transport, base_url="http://here", timeout=GIVE_UP)


async def submit(asking: httpx.AsyncClient) -> str:
    return str((await asking.post("/v1/jobs", json=PLAIN)).json()["id"])


async def wait(asking: httpx.AsyncClient, job: str, seconds: int = 20) -> dict[str, Any]:
    answered = await asking.get(f"/v1/jobs/{job}?wait={seconds}")
    assert answered.status_code == 200
    seen: dict[str, Any] = answered.json()
    return seen


def cancel(system: System, job_id: str) -> None:
    job = system.table.get(JobRecord, job_id)
    assert job is not None
    lifecycle.apply(system.table, job, lambda job: lifecycle.cancel(job, system.now()))


def begin(system: System, job_id: str) -> None:
    job = system.table.get(JobRecord, job_id)
    assert job is not None
    lifecycle.apply(system.table, job, lambda job: lifecycle.start(job, "w", system.now(), 3))


def end(system: System, job_id: str) -> None:
    job = system.table.get(JobRecord, job_id)
    assert job is not None
    error = JobError(code="model_failed", message="it failed", retryable=False)
    lease = lifecycle.Lease("w", job.attempt)
    lifecycle.apply(system.table, job, lambda job: lifecycle.fail(job, lease, error, system.now()))


async def until_awaited(system: System, count: int) -> None:
    """As many jobs are waited for, each by a name of its own in the folder of bells."""
    async with asyncio.timeout(GIVE_UP):
        while len(list(bells(system).glob("[!.]*-ear*"))) < count:
            await asyncio.sleep(0.01)


def told_after(
    front: Front, change: Callable[[str], Awaitable[None]], within: float
) -> dict[str, Any]:
    """What a client that waits for a job is told, while this is done to it."""

    async def scene() -> dict[str, Any]:
        async with client(front) as asking:
            job = await submit(asking)
            waiting = asyncio.create_task(wait(asking, job))
            await change(job)
            return await asyncio.wait_for(waiting, within)

    return asyncio.run(scene())


def bells(system: System) -> Path:
    assert system.settings.data is not None
    return system.settings.data / "bells" / "changes"


def test_a_crowd_that_waits_keeps_nobody_out_and_is_woken_at_once(
    front: Front, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.changes.FALLBACK_SECONDS", GIVE_UP)

    async def scene() -> list[dict[str, Any]]:
        async with client(front) as asking:
            jobs = [await submit(asking) for _ in range(3)]
            crowd = [asyncio.create_task(wait(asking, jobs[n % 3])) for n in range(CROWD)]
            await until_awaited(system, 3)
            assert await submit(asking)
            assert (await wait(asking, jobs[0], seconds=0))["status"] == "queued"
            assert not any(task.done() for task in crowd)
            for job in jobs:
                await asyncio.to_thread(cancel, system, job)
            return await asyncio.wait_for(asyncio.gather(*crowd), GIVE_UP)

    began = time.monotonic()
    seen = asyncio.run(scene())
    assert {job["status"] for job in seen} == {"canceled"}
    assert time.monotonic() - began < 15
    assert not list(bells(system).glob("[!.]*-ear*"))


def test_for_what_has_ended_nobody_listens(front: Front, system: System) -> None:
    async def scene() -> dict[str, Any]:
        async with client(front) as asking:
            job = await submit(asking)
            await asyncio.to_thread(cancel, system, job)
            return await wait(asking, job)

    assert asyncio.run(scene())["status"] == "canceled"
    assert not list(bells(system).glob(".*-ear*"))


@pytest.mark.parametrize("ends", [True, False], ids=["which ends soon", "which goes on"])
def test_of_a_job_that_has_begun_and_ended_the_end_is_told(
    front: Front, system: System, monkeypatch: pytest.MonkeyPatch, ends: bool
) -> None:
    monkeypatch.setattr("functions.api.patience.SETTLE_SECONDS", GIVE_UP if ends else 0.1)

    async def run(job: str) -> None:
        await until_awaited(system, 1)
        await asyncio.to_thread(begin, system, job)
        if ends:
            await asyncio.sleep(0.2)  # it has been heard by now
            await asyncio.to_thread(end, system, job)

    assert told_after(front, run, GIVE_UP)["status"] == ("failed" if ends else "running")


@pytest.mark.parametrize("knows_one", [True, False], ids=["an earlier tag", "no tag"])
def test_what_the_client_does_not_know_yet_is_told_at_once(
    front: Front, system: System, monkeypatch: pytest.MonkeyPatch, knows_one: bool
) -> None:
    monkeypatch.setattr("functions.api.patience.SETTLE_SECONDS", GIVE_UP)

    async def scene() -> httpx.Response:
        async with client(front) as asking:
            path = f"/v1/jobs/{await submit(asking)}"
            tag = (await asking.get(path)).headers["etag"]
            begin(system, path.rpartition("/")[2])
            known = {"if-none-match": tag if knows_one else ""}
            waiting = asking.get(f"{path}?wait=20", headers=known)
            return await asyncio.wait_for(waiting, 15)

    assert asyncio.run(scene()).json()["status"] == "running"


def test_a_lost_ring_costs_a_moment_only(
    front: Front, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.embedded.ear.Ear.heard", lambda self: set())

    async def canceled(job: str) -> None:
        await until_awaited(system, 1)
        await asyncio.to_thread(cancel, system, job)

    assert told_after(front, canceled, 15)["status"] == "canceled"


def test_where_the_disk_refuses_a_pipe_changes_are_seen_by_looking(
    front: Front, system: System
) -> None:
    bells(system).parent.mkdir(exist_ok=True)
    bells(system).touch()  # no folder can be made there

    async def canceled(job: str) -> None:
        await asyncio.sleep(0.1)
        await asyncio.to_thread(cancel, system, job)

    assert told_after(front, canceled, 15)["status"] == "canceled"


def test_the_function_is_not_asked_to_wait_again(connected: System) -> None:
    asked = []

    def api(event: dict[str, Any], context: Any) -> dict[str, Any]:
        asked.append(event.get("queryStringParameters", {}).get("wait"))
        return handler(event, context)

    front = build(connected, Functions(api, handler), None)[0]

    async def scene() -> None:
        async with client(front) as asking:
            await wait(asking, await submit(asking), seconds=1)

    asyncio.run(scene())
    assert asked == [None, "0"]
