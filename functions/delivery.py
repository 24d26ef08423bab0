"""Webhooks on their way: one record holds the bytes, one message at a time carries them.

The message names the round and the moment that it is for. A message for another is out of date and
does nothing, so a duplicate never starts a second series of tries. A wait longer than SQS can delay
a message needs none: `next_try_at` stands in the `due` index, and `sweep` sends the message when it
has come, as it does for a message that was lost.
"""

import math
import random
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from functions.receivers import Busy, Receivers
from functions.webhook import Told, tell
from shared.contract import Event
from shared.errors import DeliveryNotFound, WriteConflict
from shared.logs import Logger
from shared.message import DeliveryMessage
from shared.records import DeliveryRecord, JobRecord, Try
from shared.system import DELIVERIES, System

logger = Logger(service="deliver")

BACKOFF = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800, 28800)
)
"""The wait after the first failed try, the second, …; after one more failure it is given up."""
JITTER = 0.2
MAX_DELAY = timedelta(seconds=900)
"""The most that SQS can delay a message."""
KEPT_TRIES = 50
GIVE_UP_AFTER = timedelta(days=2)
"""Longer than all waits together: a delivery that its receiver's state kept from being tried, again
and again, is given up then."""
RECEIVERS = Receivers()


def first_delivery(system: System, job: JobRecord, event_id: str, event: Event) -> DeliveryRecord:
    """The delivery of a job's end: made once, its bytes never change."""
    now = system.now()
    made = DeliveryRecord(
        job=job.id,
        tenant=job.tenant,
        n=0,
        event_id=event_id,
        event_type=event.type,
        url=job.webhook or "",
        body=event.model_dump_json(),
        next_try_at=now,
        since=now,
    )
    try:
        return system.table.put(made)
    except WriteConflict:
        return system.table.get(DeliveryRecord, made.pk, made.sk) or made


def dispatch(system: System, delivery: DeliveryRecord) -> None:
    """Send the message of a delivery that has not been tried yet."""
    if delivery.state == "pending" and not delivery.tries:
        send(system, delivery)


def send(system: System, delivery: DeliveryRecord, wait: timedelta = timedelta()) -> None:
    """Have the delivery tried after the wait; a wait too long for a message is left to `sweep`."""
    if wait > MAX_DELAY:
        return
    message = DeliveryMessage(
        job=delivery.job, n=delivery.n, round=delivery.round, at=delivery.next_try_at
    )
    delay = math.ceil(wait.total_seconds())
    system.queue(DELIVERIES).send(message.model_dump_json(), delivery.tenant, delay)


def deliver(system: System, message: DeliveryMessage) -> None:
    """Try the delivery that a message names, write down what came of it, plan the next try."""
    delivery = _find(system, message.job, message.n)
    if delivery is None or _out_of_date(message, delivery):
        return
    try:
        told = _call(system, delivery)
    except Busy as busy:
        _hold_back(system, delivery, timedelta(seconds=busy.seconds))
        return
    if told is None:
        return
    _log(delivery, told.tried)
    settled = _record(system, delivery, told)
    if settled and settled.next_try_at:
        send(system, settled, settled.next_try_at - told.tried.at)


def _out_of_date(message: DeliveryMessage, delivery: DeliveryRecord) -> bool:
    return (
        delivery.state != "pending"
        or message.round not in (None, delivery.round)
        or message.at not in (None, delivery.next_try_at)
    )


def _call(system: System, delivery: DeliveryRecord) -> Told | None:
    """What came of the call; None where the job was deleted while it was being announced."""
    host = urlsplit(delivery.url).netloc.rpartition("@")[2].lower()
    with RECEIVERS.call(delivery.tenant, host) as call:
        if is_orphan(system, delivery):
            return None
        told = tell(system, delivery)
        call.timed_out = told.timed_out
        return told


def is_orphan(system: System, delivery: DeliveryRecord) -> bool:
    """Whether its job was deleted: nothing of it is told any more."""
    job = system.table.get(JobRecord, delivery.job)
    return job is not None and job.deleted


def _hold_back(system: System, delivery: DeliveryRecord, wait: timedelta) -> None:
    """Not tried, and so not counted; but nothing is held back for ever."""
    now = system.now()
    if delivery.since is not None and now - delivery.since > GIVE_UP_AFTER:
        _record(system, delivery, Told(Try(at=now, error="receiver_failing"), final=True))
        return
    planned = _plan(system, delivery, now + wait)
    if planned is not None:
        send(system, planned, wait)


def redeliver(system: System, job: JobRecord, n: int) -> DeliveryRecord:
    """Begin again, whatever came of the delivery before: the same bytes, from the first round."""
    while True:
        delivery = _find(system, job.id, n)
        if delivery is None:
            raise DeliveryNotFound(f"job {job.id} has no delivery {n}")
        now = system.now()
        again = {"state": "pending", "round": 0, "next_try_at": now, "since": now}
        try:
            pending = system.table.put(delivery.model_copy(update=again))
        except WriteConflict:
            continue
        send(system, pending)
        return pending


def _find(system: System, job_id: str, n: int) -> DeliveryRecord | None:
    return system.table.get(DeliveryRecord, job_id, f"delivery#{n:03d}")


def _record(system: System, delivery: DeliveryRecord, told: Told) -> DeliveryRecord | None:
    """Write the try down; None where another has written down this very round."""
    current: DeliveryRecord | None = delivery
    while current and current.state == "pending" and current.round == delivery.round:
        try:
            return system.table.put(settle(current, *told[:3]))
        except WriteConflict:
            current = _find(system, delivery.job, delivery.n)
    return None


def settle(
    delivery: DeliveryRecord, tried: Try, final: bool = False, wait: timedelta = timedelta()
) -> DeliveryRecord:
    """The delivery after a try: delivered, given up, or waiting for the next one."""
    changed: dict[str, Any] = {
        "tries": (*delivery.tries, tried)[-KEPT_TRIES:],
        "round": delivery.round + 1,
        "next_try_at": None,
    }
    if tried.error is None:
        changed["state"] = "delivered"
    elif final or delivery.round >= len(BACKOFF):
        changed["state"] = "given_up"
    else:
        changed["next_try_at"] = tried.at + max(wait, _jittered(BACKOFF[delivery.round]))
    return delivery.model_copy(update=changed)


def _jittered(wait: timedelta) -> timedelta:
    """A little off, or all that failed together would come again together."""
    return wait * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311


def resend_overdue(system: System, delivery: DeliveryRecord, now: datetime) -> None:
    """Send a delivery's message (again), and look at it later should that one be lost as well."""
    planned = _plan(system, delivery, now + MAX_DELAY)
    if planned is not None:
        send(system, planned)


def _plan(system: System, delivery: DeliveryRecord, at: datetime) -> DeliveryRecord | None:
    """The delivery, for another moment: the messages for the one before do nothing any more."""
    try:
        return system.table.put(delivery.model_copy(update={"next_try_at": at}))
    except WriteConflict:
        return None  # it has been tried in the meantime


def _log(delivery: DeliveryRecord, tried: Try) -> None:
    """The host alone: neither the body nor the URL's path and query is the log's business."""
    told = {"job_id": delivery.job, "n": delivery.n, "round": delivery.round}
    host = urlsplit(delivery.url).hostname
    told_more = {"host": host, "status": tried.status, "error": tried.error}
    logger.info("webhook tried", extra={**told, **told_more})
