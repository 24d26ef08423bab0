"""`/v1/jobs/{id}/deliveries`: what became of the webhooks."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path

from functions.api.app import app, caller, documented, reply
from functions.api.jobs import JobId, own_job
from functions.api.representation import represent_delivery
from functions.delivery import redeliver
from shared.bootstrap import connect
from shared.contract import Delivery, DeliveryPage
from shared.records import DeliveryRecord


@app.get(
    "/v1/jobs/<job_id>/deliveries",
    summary="Each webhook's tries, answers and next try",
    responses=documented(404, 410, 422, _200=DeliveryPage),
    tags=["webhooks"],
)
def list_deliveries(job_id: JobId) -> Response[Any]:
    system = connect()
    job = own_job(system, caller(), job_id)
    found = system.table.partition(DeliveryRecord, job.id)
    return reply(DeliveryPage(items=[represent_delivery(delivery) for delivery in found]))


@app.post(
    "/v1/jobs/<job_id>/deliveries/<n>/redeliver",
    summary="Send a webhook again",
    responses=documented(404, 410, 422, _202=Delivery),
    tags=["webhooks"],
)
def post_redelivery(job_id: JobId, n: Annotated[int, Path(ge=0, le=999)]) -> Response[Any]:
    system = connect()
    job = own_job(system, caller(), job_id)
    return reply(represent_delivery(redeliver(system, job, n)), 202)
