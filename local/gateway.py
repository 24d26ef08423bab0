"""The HTTP API: requests become events, and the functions answer them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from functions.api.admission import MAX_BODY_BYTES
from local.asgi import Plain, Request
from local.http_events import (
    Context,
    Event,
    Handler,
    answer,
    authorizer_event,
    http_event,
)
from shared.errors import Unauthenticated

IDLE_SECONDS = 10.0
BODY_SECONDS = 30.0
HANDLERS = 16
WAITERS = 64
LOCAL_TENANT = "local"
PUBLIC = frozenset({"/health", "/v1/openapi.json"})


@dataclass(frozen=True)
class Functions:
    """The functions behind the API; without `authorize`, every caller is the machine's owner."""

    api: Handler
    studio: Handler
    authorize: Handler | None = None


class Gateway:
    """What API Gateway is in the cloud."""

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._threads = ThreadPoolExecutor(HANDLERS, "handler")
        # Clients that wait hold their thread for 20 seconds: they must not keep others out.
        self._patient_threads = ThreadPoolExecutor(WAITERS, "waiter")

    async def answer(self, request: Request) -> Plain:
        """What the functions answer to this request."""
        body = await request.body(MAX_BODY_BYTES, IDLE_SECONDS, BODY_SECONDS)
        event = http_event(request, body)
        waits = any(name == "wait" for name, _ in request.query)
        threads = self._patient_threads if waits else self._threads
        return await asyncio.get_running_loop().run_in_executor(threads, self.invoke, event)

    def invoke(self, event: Event) -> Plain:
        """Ask the authorizer where the path is not public, then the function."""
        path, context = event["rawPath"], event["requestContext"]
        if path == "/" or path.startswith("/studio/"):
            return answer(self._functions.studio(event, _lambda("studio", event)))
        if path not in PUBLIC:
            context["authorizer"] = {"lambda": self._caller(event)}
        return answer(self._functions.api(event, _lambda("api", event)))

    def _caller(self, event: Event) -> dict[str, object]:
        authorize = self._functions.authorize
        if authorize is None:
            return {"tenant": LOCAL_TENANT}
        verdict = authorize(authorizer_event(event), _lambda("authorize", event))
        if not verdict.get("isAuthorized"):
            raise Unauthenticated("send an API key: `Authorization: Bearer ak_…`")
        return dict(verdict.get("context") or {})


def _lambda(name: str, event: Event) -> Context:
    return Context(f"atelier-{name}", event["requestContext"]["requestId"])
