"""Submissions that wait at the same time share one commit, and nobody is told of it before."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import httpx
import pytest

from functions.api.handler import handler
from local.asgi import Plain
from local.front import build
from local.gateway import SMALL_BYTES, Functions
from local.http_events import Event, answer
from local.scribe import MOST, Scribe
from shared.bootstrap import connect
from shared.embedded.database import Database
from shared.errors import Unavailable
from shared.settings import Settings
from shared.system import System, one_by_one

T = TypeVar("T")

CROWD = 2 * MOST + 1
"""The first of them finds nobody waiting, and goes alone."""
GIVE_UP = 20
JSON = {"content-type": "application/json"}


class PanicException(BaseException):
    """As pydantic's core raises it."""


class Commits:
    """The system's own `together`, and how many calls it took."""

    def __init__(self, system: System, fails: bool = False) -> None:
        self.count = 0
        self._system = system
        self._fails = fails

    def __call__(self, work: Callable[[], T]) -> T:
        self.count += 1
        return self._system.together(lambda: self._done(work))

    def _done(self, work: Callable[[], T]) -> T:
        outcome = work()
        if self._fails:
            raise Unavailable("the disk is full", code="disk_full")
        return outcome


def submit(
    together: Commits, bodies: list[dict[str, Any]], headers: Mapping[str, str] = JSON
) -> list[tuple[int, dict[str, Any]]]:
    """All at the same time: status and body of each answer. Raises what became of any, once
    something has become of all."""

    async def scene() -> list[Plain | BaseException]:
        scribe = Scribe(lambda event: answer(handler(event, None)), together)
        asked = [scribe.answer(submission(body, headers)) for body in bodies]
        return await asyncio.gather(*asked, return_exceptions=True)

    return [(told.status, json.loads(told.body)) for told in map(plain, asyncio.run(scene()))]


def plain(told: Plain | BaseException) -> Plain:
    if isinstance(told, BaseException):
        raise told
    return told


def submission(body: dict[str, Any], headers: Mapping[str, str]) -> Event:
    return {
        "rawPath": "/v1/jobs",
        "headers": {**JSON, **headers},
        "body": json.dumps(body),
        "requestContext": {
            "http": {"method": "POST"},
            "authorizer": {"lambda": {"tenant": "local"}},
        },
    }


def job(seed: int, **wish: Any) -> dict[str, Any]:
    return {"model": "plain", "input": {}, "seed": seed, **wish}


def kept(chosen: Settings) -> int:
    """The jobs on the disk, as another process sees them."""
    assert chosen.data
    ((count,),) = Database(chosen.data).rows("SELECT count(*) FROM items WHERE sk = 'job'")
    return int(count)


@pytest.fixture
def own(connected: System) -> System:
    """The system of the functions in this process."""
    return connect()


def test_a_crowd_is_answered_in_few_commits(own: System, chosen: Settings) -> None:
    commits = Commits(own)
    answers = submit(commits, [job(seed) for seed in range(CROWD)])
    assert [told["seed"] for _, told in answers] == list(range(CROWD))
    assert kept(chosen) == CROWD
    assert commits.count == 1 + CROWD // MOST


def test_one_that_is_refused_takes_no_other_along(own: System, chosen: Settings) -> None:
    wrong = [job(0, model="none"), job(-1), job(1, input={"image": {"upload": "0" * 26}})]
    answers = submit(Commits(own), [*wrong, *(job(seed) for seed in range(3))])
    assert [status for status, _ in answers] == [404, 422, 404, 202, 202, 202]
    assert kept(chosen) == 3


def test_the_same_key_at_the_same_time_is_one_job(own: System, chosen: Settings) -> None:
    twice = submit(Commits(own), [job(1)] * 3, {"idempotency-key": "once"})
    other = submit(Commits(own), [job(2)], {"idempotency-key": "once"})
    assert [status for status, _ in [*twice, *other]] == [202, 202, 202, 409]
    assert len({told["id"] for _, told in twice}) == kept(chosen) == 1


def test_where_the_commit_fails_nobody_is_told_of_a_job(own: System, chosen: Settings) -> None:
    with pytest.raises(Unavailable):
        submit(Commits(own, fails=True), [job(seed) for seed in range(5)])
    assert kept(chosen) == 0


def post(system: System, functions: Functions, body: bytes) -> int:
    """The status that a client of the whole front is answered."""
    front, _ = build(system, functions, None)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=front)
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as asking:
            return await asking.post("/v1/jobs", content=body, headers=JSON)

    return asyncio.run(ask()).status_code


@pytest.mark.parametrize("size", [SMALL_BYTES, SMALL_BYTES + 1])
def test_large_ones_share_nothing(own: System, size: int) -> None:
    commits = Commits(own)
    body = json.dumps(job(0)).encode().ljust(size)
    assert post(own, Functions(handler, handler, together=commits), body) == 202
    assert commits.count == (1 if size == SMALL_BYTES else 0)


def test_who_may_not_submit_holds_up_nobody(own: System) -> None:
    commits = Commits(own)
    functions = Functions(handler, handler, lambda event, context: {}, commits)
    assert post(own, functions, json.dumps(job(0)).encode()) == 401
    assert commits.count == 0


def test_nobody_is_answered_before_the_commit() -> None:
    story: list[str] = []

    def ask(event: Event) -> Plain:
        story.append(event["rawPath"])
        return Plain(200, [])

    def together(work: Callable[[], T]) -> T:
        outcome = work()
        story.append("commit")
        return outcome

    async def answered(scribe: Scribe, path: str) -> None:
        await scribe.answer({"rawPath": path})
        story.append(f"{path} is told")

    async def scene() -> None:
        scribe = Scribe(ask, together)
        await asyncio.gather(*(answered(scribe, path) for path in ("a", "b", "c")))

    asyncio.run(scene())
    first, others = ["a", "commit"], ["b", "c", "commit"]
    assert [step for step in story if "told" not in step] == [*first, *others]
    assert story.index("a is told") > story.index("commit")
    assert story[-2:] == ["b is told", "c is told"]


def test_even_a_panic_ends_its_own_request_only() -> None:
    def ask(event: Event) -> Plain:
        if event["status"] == 500:
            raise PanicException("a library gives up")
        return Plain(event["status"], [])

    async def scene() -> list[Plain | BaseException]:
        scribe = Scribe(ask, one_by_one)
        asked = [scribe.answer({"status": status}) for status in (200, 500, 201)]
        async with asyncio.timeout(GIVE_UP):
            return await asyncio.gather(*asked, return_exceptions=True)

    first, panic, last = asyncio.run(scene())
    assert isinstance(panic, PanicException)
    assert [told.status for told in (first, last) if isinstance(told, Plain)] == [200, 201]


def test_who_is_gone_meanwhile_is_no_failure() -> None:
    async def scene() -> list[int]:
        scribe = Scribe(lambda event: Plain(event["status"], []), one_by_one)
        first, gone, last = (
            asyncio.create_task(scribe.answer({"status": status})) for status in (200, 201, 202)
        )
        await asyncio.sleep(0)
        gone.cancel()
        async with asyncio.timeout(GIVE_UP):
            return [(await told).status for told in (first, last)]

    assert asyncio.run(scene()) == [200, 202]
