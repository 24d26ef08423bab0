"""`/v1/uploads`"""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from functions.api.app import app, caller, documented, reply
from functions.api.jobs import IdempotencyKey
from functions.api.throttle import throttle
from functions.ticket import issue
from shared.bootstrap import connect
from shared.contract import UploadRequest, UploadTicket


@app.post(
    "/v1/uploads",
    summary="Get a ticket to upload a picture, which may start a job",
    responses=documented(400, 404, 409, 410, 413, 415, 422, 429, _201=UploadTicket),
    tags=["uploads"],
)
def post_upload(
    body: Annotated[UploadRequest, Body()], idempotency_key: IdempotencyKey = None
) -> Response[Any]:
    system, tenant = connect(), caller()
    throttle(system, tenant)
    ticket = issue(system, tenant, body, idempotency_key)
    headers = {"Location": f"/v1/jobs/{ticket.job_id}"} if ticket.job_id else {}
    return reply(ticket, 201, **headers)
