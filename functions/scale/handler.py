"""The scheduled function that says how many workers there are."""

from dataclasses import asdict
from typing import Any

from functions.scale.scaling import Scaling
from shared.bootstrap import connect, connect_at_init
from shared.logs import Logger

logger = Logger(service="scale")
scaling = Scaling()


connect_at_init()


def handler(event: Any, context: Any) -> dict[str, int]:
    """Ask for as many workers as there is work for. From none to one it is this that takes the
    step: nobody else looks while the fleet sleeps."""
    wanted = asdict(scaling.turn(connect()))
    logger.info("scaled", extra=wanted)
    return wanted
