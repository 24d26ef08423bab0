"""Structured logs, one JSON object a line, that keep what users write and sign to themselves.

Of an exception only its kind and its place are told: its message may hold a prompt, a URL or a
whole record.
"""

import sqlite3
import traceback
from types import TracebackType

import aws_lambda_powertools
from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class Discreet(LambdaPowertoolsFormatter):
    """Powertools' format, without the words of exceptions."""

    def __init__(self) -> None:
        super().__init__(serialize_stacktrace=False)

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802
        """Where it was raised, and the operating system's reason, if it is one of those."""
        if ei[1] is None:
            return ""
        told = [*places(ei[1])[::-1], reason(ei[1])]
        return "; ".join(one for one in told if one)


class Logger(aws_lambda_powertools.Logger):
    """A service's log."""

    def __init__(self, service: str) -> None:
        super().__init__(service=service, logger_formatter=Discreet())


def places(error: BaseException) -> list[str]:
    """The lines that it came through, the innermost last."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]


def reason(error: BaseException) -> str | None:
    """The message, where it comes from the operating system, from SQLite or from an import."""
    if isinstance(error, OSError):
        return error.strerror
    return str(error) if isinstance(error, sqlite3.Error | ImportError) else None
