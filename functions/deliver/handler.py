"""The function behind the queue of webhooks.

The messages of a batch are tried side by side: a receiver that hangs costs the others nothing.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from functions.batch import Record, answer
from functions.delivery import deliver
from shared.bootstrap import connect, connect_at_init
from shared.logs import Logger
from shared.message import DeliveryMessage

logger = Logger(service="deliver")

THREADS = 32

connect_at_init()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Take each message of an SQS event; those that fail come again, the others do not."""
    records = event["Records"]
    taken = _threads().map(_take, records) if len(records) > 1 else map(_take, records)
    return answer(records, taken)


@cache
def _threads() -> ThreadPoolExecutor:
    """Kept between invocations, as the connections are that each thread holds."""
    return ThreadPoolExecutor(THREADS, thread_name_prefix="deliver")


def _take(record: Record) -> bool:
    try:
        deliver(connect(), DeliveryMessage.model_validate_json(record["body"]))
    except Exception:
        logger.exception("no try was recorded", extra={"message_id": record["messageId"]})
        return False
    return True
