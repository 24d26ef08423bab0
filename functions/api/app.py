"""The API, and what every route needs to know of its caller."""

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools.event_handler import Response
from pydantic import BaseModel

from functions.api.resolver import Resolver
from shared.contract import Problem
from shared.errors import Forbidden, Unauthenticated
from shared.keys import is_tenant

PROBLEM_TYPE = "application/problem+json"


app = Resolver()


def caller() -> str:
    """The tenant that calls."""
    return tenant_of(app.asked)


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
