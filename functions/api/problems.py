"""Every error as RFC 9457 problem+json with a stable code."""

from http import HTTPStatus
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from functions.api.app import PROBLEM_TYPE, app
from functions.api.resolver import path_of
from shared.contract import Problem
from shared.errors import AtelierError, InvalidRequest, MethodNotAllowed, NotFound
from shared.logs import Logger

logger = Logger(service="api")

MAX_ERRORS = 32
MAX_PART = 100
"""Of the name of a field, which the client chose: an answer is no echo of what was sent."""


def problem(error: AtelierError, errors: list[dict[str, Any]] | None = None) -> Response[Any]:
    """The answer that tells this error."""
    body = Problem(
        title=HTTPStatus(error.status).phrase,
        status=error.status,
        detail=str(error),
        code=error.code,
        errors=errors or [],
    )
    headers: dict[str, str | list[str]] = {"Cache-Control": "no-store"}
    if error.retryable:
        headers["Retry-After"] = str(error.retry_after)
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(
        status_code=error.status,
        content_type=PROBLEM_TYPE,
        body=body.model_dump_json(),
        headers=headers,
    )


@app.exception_handler(AtelierError)
def _known(error: AtelierError) -> Response[Any]:
    return problem(error)


@app.exception_handler(RequestValidationError)
def _invalid(error: RequestValidationError) -> Response[Any]:
    found = [
        {
            "where": [str(part)[:MAX_PART] for part in one["loc"]],
            "message": one["msg"],
            "type": one["type"],
        }
        for one in error.errors()[:MAX_ERRORS]
    ]
    detail = "; ".join(f"{'.'.join(one['where'])}: {one['message']}" for one in found[:3])
    return problem(InvalidRequest(detail), found)


@app.exception_handler(Exception)
def _unknown(error: Exception) -> Response[Any]:
    logger.exception("unexpected error", exc_info=error)
    return problem(AtelierError("something went wrong on our side"))


@app.not_found
def _not_found(_: NotFoundError) -> Response[Any]:
    path = path_of(app.asked)
    allowed = sorted(route.method for route, _ in app.matching(path))
    if not allowed:
        return problem(NotFound(f"there is nothing at {path}"))
    answer = problem(MethodNotAllowed(f"{path} takes {', '.join(allowed)}"))
    answer.headers["Allow"] = ", ".join(allowed)
    return answer
