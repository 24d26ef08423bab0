"""The resolver, and what every route needs to know of its caller."""

import threading
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.api_gateway import ResponseBuilder, Route
from aws_lambda_powertools.utilities.data_classes.common import BaseProxyEvent
from pydantic import BaseModel

from shared.contract import Problem
from shared.errors import Forbidden, Unauthenticated
from shared.keys import is_tenant

PROBLEM_TYPE = "application/problem+json"


class Asked(threading.local):
    """What one thread is asked."""

    def __init__(self) -> None:
        self.event: BaseProxyEvent | None = None
        self.context: dict[str, Any] = {}


class Resolver(APIGatewayHttpResolver):
    """Powertools' resolver, for several threads at once: its own keeps the one request that Lambda
    hands to a process in attributes that all would share."""

    def __init__(self) -> None:
        self._asked = Asked()
        self._building = threading.Lock()
        super().__init__(enable_validation=True)

    @property
    def current_event(self) -> Any:  # type: ignore[override]
        return self._asked.event

    @property
    def context(self) -> dict[str, Any]:
        return self._asked.context

    @context.setter
    def context(self, value: dict[str, Any]) -> None:
        self._asked.context = value

    def _to_proxy_event(self, event: dict[str, Any]) -> Any:
        self._asked.event = super()._to_proxy_event(event)
        return self._asked.event

    def _call_route(self, route: Route, route_arguments: dict[str, str]) -> ResponseBuilder[Any]:
        """A route is built at its first call: by one thread, or it would be built around itself."""
        with self._building:
            if not route._middleware_stack_built:
                route._build_middleware_stack(self._router_middlewares, self)
        return super()._call_route(route, route_arguments)


app = Resolver()


def caller() -> str:
    """The tenant that calls."""
    return tenant_of(app.current_event.raw_event)


def tenant_of(event: Mapping[str, Any]) -> str:
    """The tenant, as the authorizer found it: by API key, or by a JWT's `tenant` claim."""
    authorizer = event["requestContext"].get("authorizer") or {}
    given = authorizer.get("lambda") or {}
    claims = (authorizer.get("jwt") or {}).get("claims") or {}
    tenant = given.get("tenant") or claims.get("tenant") or claims.get("custom:tenant")
    if not tenant:
        raise Unauthenticated("send an API key: `Authorization: Bearer ak_…`")
    if not is_tenant(str(tenant)):
        raise Forbidden("the token names a tenant that cannot be: use a-z, 0-9 and -, 63 at most")
    return str(tenant)


def reply(body: BaseModel | None, status: int = 200, **headers: str) -> Response[Any]:
    """An answer in JSON. Header names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(
        status_code=status,
        content_type="application/json" if body else None,
        body=body.model_dump_json() if body else "",
        headers={"Cache-Control": "private, no-cache", **named},
    )


def bodiless(status: int, description: str) -> dict[int, Any]:
    """A documented answer that has no body."""
    return {status: {"description": description, "content": {}}}


def documented(*codes: int, **answers: type[BaseModel]) -> dict[int, Any]:
    """The `responses` of a route: its own answers by status (`_200=Job`), then its problems."""
    own = {int(name[1:]): _answer(model, "application/json") for name, model in answers.items()}
    problems = {code: _answer(Problem, PROBLEM_TYPE) for code in sorted({*codes, 401, 403, 500})}
    return own | problems


def _answer(model: type[BaseModel], media_type: str) -> dict[str, Any]:
    return {
        "description": (model.__doc__ or model.__name__).strip().splitlines()[0],
        "content": {media_type: {"model": model}},
    }
