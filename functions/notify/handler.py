"""The function behind the table's stream: it is woken, and looks into the table for itself."""

from typing import Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord

from functions.announcing import announce
from shared.bootstrap import connect
from shared.logs import Logger
from shared.records import JobRecord

logger = Logger(service="notify")


def handler(event: dict[str, Any], context: Any) -> Any:
    """Take each record of a stream event; those that fail come again, the others do not."""
    processor = BatchProcessor(
        event_type=EventType.DynamoDBStreams, raise_on_entire_batch_failure=False
    )
    return process_partial_response(
        event=event, record_handler=_take, processor=processor, context=context
    )


def _take(record: DynamoDBRecord) -> None:
    image = (record.dynamodb and record.dynamodb.new_image) or {}
    if image.get("sk") != "job" or not image.get("announce"):
        return
    try:
        _announce(str(image["pk"]))
    except Exception:  # told here, since the batch processor says nothing of it
        logger.exception("not announced", extra={"job": image["pk"]})
        raise


def _announce(job_id: str) -> None:
    """The image may be old: the item is the truth."""
    system = connect()
    job = system.table.get(JobRecord, job_id)
    if job is not None:
        announce(system, job)
