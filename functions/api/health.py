"""`/health`: whether jobs are taken, and if not why."""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.event_handler import Response

from functions.api.app import app, documented, reply
from functions.api.problems import logger
from shared.bootstrap import connect
from shared.contract import Health
from shared.records import JobRecord
from shared.system import System


@app.get(
    "/health",
    summary="Ready or not, and why",
    responses={**documented(_200=Health), **documented(_503=Health)},
    tags=["service"],
)
def get_health() -> Response[Any]:
    reasons = check(connect())
    return reply(Health(ready=not reasons, reasons=reasons), 503 if reasons else 200)


def check(system: System) -> list[str]:
    """What does not work, in words that give nothing away."""
    probes: dict[str, Callable[[], object]] = {
        "the job table does not answer": lambda: system.table.get(JobRecord, "health"),
        "the storage does not answer": lambda: system.inbox.head("uploads/health"),
        "the catalogue cannot be read": system.catalogue,
    }
    return [reason for reason, probe in probes.items() if not _works(probe)]


def _works(probe: Callable[[], object]) -> bool:
    try:
        probe()
    except Exception:  # whatever it is, the service is not ready
        logger.exception("a health probe failed")
        return False
    return True
