"""The function behind the HTTP API."""

from typing import Any

from functions.api import artworks, deliveries, health, jobs, models, openapi, uploads
from functions.api.admission import admit
from functions.api.app import app
from functions.api.patience import wait_for_change
from functions.api.problems import problem
from functions.api.resolver import returned
from shared.bootstrap import connect, connect_at_init
from shared.errors import AtelierError

ROUTES = (artworks, deliveries, health, jobs, models, openapi, uploads)

connect_at_init()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer one API Gateway HTTP API event (payload 2.0)."""
    try:
        admitted, body = admit(event)
        wait_for_change(connect(), admitted)
    except AtelierError as error:
        return returned(problem(error))
    return app.answer(admitted, body)
