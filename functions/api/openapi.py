"""`/v1/openapi.json`: OpenAPI 3.1, generated from the routes and the models."""

from functools import cache
from typing import Any

from aws_lambda_powertools.event_handler import Response

from functions.api.app import app
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
        description="Pictures, words and sounds in; artworks out.",
    )
