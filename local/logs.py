"""Structured logs of the processes here: one JSON object a line, on standard error.

What users write and sign stays out of them: of an exception only its kind and its place are told,
with the reason where it comes from the operating system or from SQLite.
"""

import json
import logging
import time

from shared.logs import places, reason

USUAL = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class JsonLines(logging.Formatter):
    """A log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        told |= {name: value for name, value in vars(record).items() if name not in USUAL}
        if record.exc_info and record.exc_info[1]:
            told |= describe(record.exc_info[1])
        return json.dumps(told, ensure_ascii=False, default=str)


def describe(error: BaseException) -> dict[str, object]:
    """What may be told of an exception."""
    told: dict[str, object] = {"exception": type(error).__name__, "at": places(error)}
    why = reason(error)
    return {**told, "reason": why} if why else told


def configure(level: str) -> None:
    """Send this process's logs to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
