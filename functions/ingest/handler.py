"""The function behind the queue of object-created events."""

import json
from typing import Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from functions.ingest.arrival import Arrival, take
from shared.bootstrap import connect
from shared.logs import Logger

logger = Logger(service="ingest")


def handler(event: dict[str, Any], context: Any) -> Any:
    """Take each record of an SQS event; those that fail come again, the others do not."""
    processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
    return process_partial_response(
        event=event, record_handler=_take, processor=processor, context=context
    )


def _take(record: SQSRecord) -> None:
    system = connect()
    for entry in json.loads(record.body).get("Records", []):  # absent in S3's test event
        arrival = Arrival.of(entry)
        logger.info("object arrived", extra={"object": arrival.place, "size": arrival.size})
        try:
            take(system, arrival)
        except Exception:  # the processor keeps it to itself, and has the record come again
            logger.exception("an object was not taken", extra={"object": arrival.place})
            raise
