"""API Gateway: the routes of the template, its authorizer, and the events that functions get."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from local import asgi
from local.http_events import Event, answer, authorizer_event, http_event
from tests.receiver import Reply, Request

Invoke = Callable[[Event], Any]
Authorize = Callable[[Event], dict[str, Any] | None]
"""What is written into an event of whom it knows; None for whom it does not."""

ANY = "x-amazon-apigateway-any-method"
INTEGRATION = "x-amazon-apigateway-integration"
FUNCTION = re.compile(r"\$\{(\w+)\.Arn\}/invocations")
PLACEHOLDER = re.compile(r"\{(\w+)(\+?)\}")


@dataclass(frozen=True)
class Route:
    """One path of the API, or all under it."""

    path: str
    methods: Mapping[str, Any]

    @property
    def rank(self) -> tuple[int, int]:
        """The most particular one wins."""
        return self.path.count("+}"), self.path.count("{")

    def leads(self, method: str, path: str) -> Any:
        """Where a request goes, if it goes this way."""
        pattern = PLACEHOLDER.sub(lambda found: ".+" if found[2] else "[^/]+", self.path)
        if re.fullmatch(pattern, path):
            return self.methods.get(method.lower(), self.methods.get(ANY))
        return None


class Gateway:
    """Answers as the deployed API would."""

    def __init__(
        self, document: Mapping[str, Any], functions: Mapping[str, Invoke], authorize: Authorize
    ) -> None:
        routes = [Route(path, methods) for path, methods in document["paths"].items()]
        self._routes = sorted(routes, key=lambda route: route.rank)
        self._integrations = document["components"]["x-amazon-apigateway-integrations"]
        self._functions, self._authorize = functions, authorize

    def take(self, request: Request) -> Reply:
        """What a client gets."""
        event = event_of(request)
        found = (route.leads(request.method, event["rawPath"]) for route in self._routes)
        leads = next(filter(None, found), None)
        if leads is None:
            return refusal(404, "Not Found")
        if "security" in leads:
            caller = self._authorize(event)
            if caller is None:
                return refusal(401, "Unauthorized")
            event["requestContext"]["authorizer"] = caller
        answered = answer(self._function(leads)(event))
        return Reply(answered.status, answered.body, dict(answered.headers))

    def _function(self, leads: Any) -> Invoke:
        integration = self._integrations[leads[INTEGRATION]["$ref"].rpartition("/")[2]]
        (name,) = FUNCTION.findall(integration["uri"]["Fn::Sub"])
        return self._functions[name]


def event_of(request: Request) -> Event:
    """The request, as functions are told of it."""
    where = urlsplit(request.path)
    headers = [(name.encode(), text.encode()) for name, text in request.headers.items()]
    scope = {
        "method": request.method,
        "path": unquote(where.path),
        "query_string": where.query.encode(),
        "headers": headers,
        "client": ("127.0.0.1", 0),
    }
    return http_event(asgi.Request(scope, nothing), request.body)


async def nothing() -> asgi.Message:
    """The body is there already."""
    return {}


def by_key(authorizer: Invoke) -> Authorize:
    """By the function that knows API keys."""

    def authorize(event: Event) -> dict[str, Any] | None:
        if "authorization" not in event["headers"]:
            return None
        verdict = authorizer(authorizer_event(event))
        return {"lambda": verdict["context"]} if verdict["isAuthorized"] else None

    return authorize


def by_jwt(issuer: str) -> Authorize:
    """By what a token says of itself: whether it is signed, AWS checks."""

    def authorize(event: Event) -> dict[str, Any] | None:
        _, _, token = event["headers"].get("authorization", "").partition(" ")
        payload = token.split(".")[1] if token.count(".") == 2 else "e30"
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return {"jwt": {"claims": claims, "scopes": None}} if claims.get("iss") == issuer else None

    return authorize


def refusal(status: int, message: str) -> Reply:
    """What API Gateway says itself."""
    told = json.dumps({"message": message}).encode()
    return Reply(status, told, {"content-type": "application/json"})
