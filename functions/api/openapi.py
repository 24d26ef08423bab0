"""`/v1/openapi.json`: OpenAPI 3.1, generated from the routes and the models."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler import Response

from functions.api.app import app
from shared.codes import JOBS, REQUESTS
from shared.settings import settings


@app.get("/v1/openapi.json", summary="This description", tags=["service"])
def get_openapi() -> Response[Any]:
    return Response(
        status_code=200,
        content_type="application/json",
        body=description(),
        headers={"Cache-Control": "public, max-age=300"},
    )


@cache
def description() -> str:
    """The whole API, as OpenAPI 3.1 JSON."""
    return app.get_openapi_json_schema(
        title="Atelier",
        version=settings().code_version,
        openapi_version="3.1.0",
        description=f"Pictures, words and sounds in; artworks out.\n\n{_codes()}",
    )


def _codes() -> str:
    """What a problem and a job's error may be called, as Markdown."""
    return "\n".join(
        ["## Codes of a problem", *_listed(REQUESTS), "## Codes of a job's error", *_listed(JOBS)]
    )


def _listed(codes: Mapping[str, str]) -> list[str]:
    return ["", *(f"- `{code}`: {meaning}" for code, meaning in sorted(codes.items())), ""]
