"""The queue of object-created events goes to `ingest`."""

import logging
import uuid

from local.envelopes import failures, message_id, sqs_event
from local.http_events import Context, Handler
from shared.errors import Unavailable
from shared.ports import Letter, Queue
from shared.system import OBJECTS, System

logger = logging.getLogger("pump")

BATCH = 10
VISIBILITY_SECONDS = 60.0
WAIT_SECONDS = 20.0
LAST_BACKOFF = 300.0


class Objects:
    """Hands letters to `ingest`, up to ten at a time."""

    def __init__(self, system: System, ingest: Handler) -> None:
        self._queue = system.queue(OBJECTS)
        self._ingest = ingest

    def turn(self) -> None:
        """Wait for letters and hand them over."""
        letters = self._queue.receive(BATCH, VISIBILITY_SECONDS, WAIT_SECONDS)
        if letters:
            hand_over(self._queue, OBJECTS, letters, self._ingest)


def hand_over(queue: Queue, name: str, letters: list[Letter], function: Handler) -> None:
    """Delete what the function has taken; what it has not comes again after a while."""
    failed = _failed(name, letters, function)
    try:
        queue.delete(*(letter for letter in letters if message_id(name, letter) not in failed))
        for letter in letters:
            if message_id(name, letter) in failed:
                queue.extend(letter, min(LAST_BACKOFF, 2.0 ** min(letter.receives - 1, 10)))
    except Unavailable:  # they come again when their time is up
        logger.exception("letters could not be settled", extra={"queue": name})


def _failed(name: str, letters: list[Letter], function: Handler) -> set[str]:
    try:
        context = Context(f"atelier-{name}", str(uuid.uuid4()))
        return failures(function(sqs_event(name, letters), context))
    except Exception:
        logger.exception("a function failed", extra={"queue": name, "letters": len(letters)})
        return {message_id(name, letter) for letter in letters}
