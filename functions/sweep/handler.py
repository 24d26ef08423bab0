"""The scheduled function."""

from typing import Any

from aws_lambda_powertools import Logger

from functions.sweep.due import sweep
from shared.bootstrap import connect

logger = Logger(service="sweep")


class SweepFailed(Exception):
    """Some records could not be settled: raised at the end, so that the function's alarm rings."""


def handler(event: Any, context: Any) -> dict[str, int]:
    """Settle what has come due. What did not fit waits for the next time."""
    swept = sweep(connect())
    logger.info("swept", extra=swept._asdict())
    if swept.failed:
        raise SweepFailed(f"{swept.failed} of {swept.failed + swept.settled} records failed")
    return swept._asdict()
