"""The HTTP API: requests become events, and the functions answer them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from functions.api.admission import MAX_BODY_BYTES
from functions.api.patience import JOB_PATH, wished
from local.asgi import Plain, Request
from local.changes import Changes
from local.http_events import (
    Context,
    Event,
    Handler,
    answer,
    authorizer_event,
    http_event,
)
from local.scribe import Scribe
from shared.errors import Unauthenticated
from shared.ports import Together
from shared.system import one_by_one

IDLE_SECONDS = 10.0
BODY_SECONDS = 30.0
HANDLERS = 16
JOBS = "/v1/jobs"
SMALL_BYTES = 2048
"""Of a submission that shares a commit: others wait while it is looked at, too."""
LOCAL_TENANT = "local"
PUBLIC = frozenset({"/health", "/v1/openapi.json"})


@dataclass(frozen=True)
class Functions:
    """The functions behind the API; without `authorize`, every caller is the machine's owner."""

    api: Handler
    studio: Handler
    authorize: Handler | None = None
    together: Together = one_by_one
    """That of the system they write to."""


class Gateway:
    """What API Gateway is in the cloud."""

    def __init__(self, functions: Functions, changes: Changes) -> None:
        self._functions = functions
        self._changes = changes
        self._threads = ThreadPoolExecutor(HANDLERS, "handler")
        self._scribe = Scribe(self._call, functions.together)

    async def answer(self, request: Request) -> Plain:
        """What the functions answer to this request."""
        body = await request.body(MAX_BODY_BYTES, IDLE_SECONDS, BODY_SECONDS)
        event = http_event(request, body)
        if request.method == "GET" and JOB_PATH.fullmatch(request.path):
            return await self._look(event)
        if request.method == "POST" and request.path == JOBS and len(body) <= SMALL_BYTES:
            return await self._submit(event)
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, event)

    async def _submit(self, event: Event) -> Plain:
        """Nobody without a key keeps others waiting for a commit."""
        self._authorize(event)
        return await self._scribe.answer(event)

    async def _look(self, event: Event) -> Plain:
        """A look at a job is a read by its key: a thread would cost more than it takes."""
        self._authorize(event)
        if wait := wished(event):
            await self._changes.over(wait)
            event["queryStringParameters"]["wait"] = "0"  # the function is not to wait again
        return self._call(event)

    def _ask(self, event: Event) -> Plain:
        self._authorize(event)
        return self._call(event)

    def _call(self, event: Event) -> Plain:
        if _is_page(event["rawPath"]):
            return answer(self._functions.studio(event, _lambda("studio", event)))
        return answer(self._functions.api(event, _lambda("api", event)))

    def _authorize(self, event: Event) -> None:
        """Ask the authorizer where the path is not public."""
        path = event["rawPath"]
        if not _is_page(path) and path not in PUBLIC:
            event["requestContext"]["authorizer"] = {"lambda": self._caller(event)}

    def _caller(self, event: Event) -> dict[str, object]:
        authorize = self._functions.authorize
        if authorize is None:
            return {"tenant": LOCAL_TENANT}
        verdict = authorize(authorizer_event(event), _lambda("authorize", event))
        if not verdict.get("isAuthorized"):
            raise Unauthenticated("send an API key: `Authorization: Bearer ak_…`")
        return dict(verdict.get("context") or {})


def _is_page(path: str) -> bool:
    return path == "/" or path.startswith("/studio/")


def _lambda(name: str, event: Event) -> Context:
    return Context(f"atelier-{name}", event["requestContext"]["requestId"])
