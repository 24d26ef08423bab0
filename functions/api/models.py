"""`/v1/models`: the catalogue."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from functions.api.app import app, caller, documented, reply
from shared.bootstrap import connect
from shared.catalogue import ModelCard
from shared.contract import ModelPage, Name


@app.get(
    "/v1/models", summary="What can be made", responses=documented(_200=ModelPage), tags=["models"]
)
def list_models() -> Response[Any]:
    caller()
    return reply(ModelPage(items=list(connect().catalogue().cards.values())))


@app.get(
    "/v1/models/<name>",
    summary="One model, with the schemas of its input and params",
    responses=documented(404, 422, _200=ModelCard),
    tags=["models"],
)
def get_model(name: Annotated[Name, Path()]) -> Response[Any]:
    caller()
    return reply(connect().catalogue().get(name))
