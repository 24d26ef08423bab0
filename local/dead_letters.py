"""Letters that were received too often, from the command line: here and in the cloud.

`sweep` examines those of the job queues by itself; those of events and webhooks wait for a person,
who has mended what made them fail.
"""

import argparse
import json
from contextlib import suppress

from pydantic import ValidationError

from functions.dead_letters import dead, job_queues, letters
from functions.ingest.arrival import Arrival
from local.keys import chosen_settings
from shared.bootstrap import assemble
from shared.errors import NotFound
from shared.message import DeliveryMessage, JobMessage
from shared.system import DELIVERIES, OBJECTS, System

MOST_SHOWN = 100
MOST_REDRIVEN = 1_000_000
VISIBILITY_SECONDS = 60.0
WAIT_SECONDS = 1.0
"""SQS asks all of its servers only where it may wait."""
NO_GROUP = "redriven"
"""S3 puts its events into no group, and a queue takes none that is empty."""


def run(arguments: argparse.Namespace) -> None:
    """`dead-letters list | redrive`"""
    system = assemble(chosen_settings(arguments.data))
    action = {"list": show, "redrive": redrive}[arguments.action]
    for name in chosen_queues(system, arguments.queue):
        action(system, name)


def chosen_queues(system: System, name: str | None) -> list[str]:
    """The queue of that name, or all that have dead letters we may see."""
    known = [*job_queues(system), OBJECTS, DELIVERIES]
    if system.settings.data is None:
        known = [one for one in known if {one, dead(one)} <= system.settings.queues.keys()]
    if name is not None and name not in known:
        raise NotFound(f"there is no queue {name!r}; there are {', '.join(known) or 'none'}")
    return [name] if name else known


def show(system: System, name: str) -> None:
    """The letters stay where they are."""
    queue = system.queue(dead(name))
    print(f"{name}: {queue.depth()} dead")
    found = list(letters(queue, MOST_SHOWN, VISIBILITY_SECONDS, WAIT_SECONDS))
    for letter in found:
        print(f"  {describe(letter.body)}")
        queue.extend(letter, 0)


def redrive(system: System, name: str) -> None:
    """Each letter goes back to its queue. What breaks off here is at worst received twice."""
    queue, alive = system.queue(dead(name)), system.queue(name)
    count = 0
    for letter in letters(queue, MOST_REDRIVEN, VISIBILITY_SECONDS, WAIT_SECONDS):
        alive.send(letter.body, letter.group or NO_GROUP)
        queue.delete(letter)
        count += 1
    print(f"{name}: {count} sent again")


def describe(body: str) -> str:
    """What a letter is about, by ids; the names of files are nobody's business."""
    with suppress(ValidationError):
        delivery = DeliveryMessage.model_validate_json(body)
        return f"job {delivery.job}, delivery {delivery.n}, round {delivery.round}"
    with suppress(ValidationError):
        return f"job {JobMessage.model_validate_json(body).job}"
    with suppress(ValueError, KeyError, TypeError, AttributeError):
        entries = json.loads(body)["Records"]
        return "objects in " + ", ".join(sorted({Arrival.of(entry).place for entry in entries}))
    return f"unreadable, {len(body)} characters"
