"""The function behind the queue of object-created events."""

import json
from typing import Any

from functions.batch import Record, answer
from functions.ingest.arrival import Arrival, take
from shared.bootstrap import connect, connect_at_init
from shared.logs import Logger

logger = Logger(service="ingest")

connect_at_init()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take each record of an SQS event; those that fail come again, the others do not."""
    return answer(event["Records"], map(_take, event["Records"]))


def _take(record: Record) -> bool:
    try:
        _take_objects(record)
    except Exception:
        logger.exception("a message was not taken", extra={"message_id": record["messageId"]})
        return False
    return True


def _take_objects(record: Record) -> None:
    system = connect()
    for entry in json.loads(record["body"]).get("Records", []):  # absent in S3's test event
        arrival = Arrival.of(entry)
        told = {"object": arrival.place, "message_id": record["messageId"]}
        logger.info("object arrived", extra={**told, "size": arrival.size})
        take(system, arrival)
