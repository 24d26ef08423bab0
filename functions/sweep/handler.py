"""The scheduled function."""

from typing import Any

from functions.sweep.due import sweep
from functions.sweep.setbacks import Setbacks
from shared.bootstrap import connect, connect_at_init
from shared.logs import Logger

logger = Logger(service="sweep")
setbacks = Setbacks()


class SweepFailed(Exception):
    """Some records could not be settled: raised at the end, so that the function's alarm rings."""


connect_at_init()


def handler(event: Any, context: Any) -> dict[str, int]:
    """Settle what has come due. What did not fit waits for the next time."""
    swept = sweep(connect(), setbacks=setbacks)
    logger.info("swept", extra=swept._asdict())
    if swept.failed:
        raise SweepFailed(f"{swept.failed} of {swept.failed + swept.settled} records failed")
    return swept._asdict()
