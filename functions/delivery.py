"""Webhooks on their way: one record holds the bytes, one message at a time carries them.

The message names the round it is for. A message for another round is out of date and does nothing,
so a duplicate never starts a second series of tries. A wait longer than SQS can delay a message
needs none: `next_try_at` stands in the `due` index, and `sweep` sends the message when it has come,
as it does for a message that was lost.
"""

import math
import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from aws_lambda_powertools import Logger

from shared.contract import Event
from shared.egress import AGENT, post
from shared.errors import DeliveryNotFound, WriteConflict
from shared.message import DeliveryMessage
from shared.metered import UrlError
from shared.records import DeliveryRecord, JobRecord, Try
from shared.signing import webhook_secret, webhook_signature
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
TIMEOUT_SECONDS = 10.0
KEPT_TRIES = 50
GONE = 410


def first_delivery(system: System, job: JobRecord, event_id: str, event: Event) -> DeliveryRecord:
    """The delivery of a job's end: made once, its bytes never change."""
    made = DeliveryRecord(
        job=job.id,
        tenant=job.tenant,
        n=0,
        event_id=event_id,
        event_type=event.type,
        url=job.webhook or "",
        body=event.model_dump_json(),
        next_try_at=system.now(),
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
    message = DeliveryMessage(job=delivery.job, n=delivery.n, round=delivery.round)
    delay = math.ceil(wait.total_seconds())
    system.queue(DELIVERIES).send(message.model_dump_json(), delivery.tenant, delay)


def deliver(system: System, message: DeliveryMessage) -> None:
    """Try the delivery that a message names, write down what came of it, plan the next try."""
    delivery = _find(system, message.job, message.n)
    if delivery is None or delivery.state != "pending":
        return
    if message.round is not None and message.round != delivery.round:
        return
    tried, final = _try(system, delivery)
    _log(delivery, tried)
    settled = _record(system, delivery, tried, final)
    if settled and settled.next_try_at:
        send(system, settled, settled.next_try_at - tried.at)


def redeliver(system: System, job: JobRecord, n: int) -> DeliveryRecord:
    """Begin again, whatever came of the delivery before: the same bytes, from the first round."""
    while True:
        delivery = _find(system, job.id, n)
        if delivery is None:
            raise DeliveryNotFound(f"job {job.id} has no delivery {n}")
        again = {"state": "pending", "round": 0, "next_try_at": system.now()}
        try:
            pending = system.table.put(delivery.model_copy(update=again))
        except WriteConflict:
            continue
        send(system, pending)
        return pending


def _find(system: System, job_id: str, n: int) -> DeliveryRecord | None:
    return system.table.get(DeliveryRecord, job_id, f"delivery#{n:03d}")


def _try(system: System, delivery: DeliveryRecord) -> tuple[Try, bool]:
    """One call of the webhook, and whether its failure is final."""
    now = system.now()
    headers = _headers(system.secret(), delivery, int(now.timestamp()))
    body = delivery.body.encode()
    allow = system.settings.allow_networks
    try:
        status = post(delivery.url, body, headers, allow, seconds=TIMEOUT_SECONDS)
    except UrlError as error:
        return Try(at=now, error=error.code), not error.retryable
    return Try(at=now, status=status, error=_complaint(status)), status == GONE


def _headers(master: bytes, delivery: DeliveryRecord, timestamp: int) -> Mapping[str, str]:
    secret = webhook_secret(master, delivery.tenant)
    return {
        "Content-Type": "application/json",
        "User-Agent": AGENT,
        "webhook-id": delivery.event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": webhook_signature(secret, delivery.event_id, timestamp, delivery.body),
    }


def _complaint(status: int) -> str | None:
    if 200 <= status < 300:
        return None
    return "redirected" if 300 <= status < 400 else f"http_{status}"


def _record(
    system: System, delivery: DeliveryRecord, tried: Try, final: bool
) -> DeliveryRecord | None:
    """Write the try down; None where another has written down this very round."""
    current: DeliveryRecord | None = delivery
    while current and current.state == "pending" and current.round == delivery.round:
        try:
            return system.table.put(settle(current, tried, final))
        except WriteConflict:
            current = _find(system, delivery.job, delivery.n)
    return None


def settle(delivery: DeliveryRecord, tried: Try, final: bool = False) -> DeliveryRecord:
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
        changed["next_try_at"] = tried.at + _jittered(BACKOFF[delivery.round])
    return delivery.model_copy(update=changed)


def _jittered(wait: timedelta) -> timedelta:
    """A little off, or all that failed together would come again together."""
    return wait * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311


def resend_overdue(system: System, delivery: DeliveryRecord, now: datetime) -> None:
    """Send a delivery's message (again), and look at it later should that one be lost as well."""
    send(system, delivery)
    _put_off(system, delivery, now + MAX_DELAY)


def _put_off(system: System, delivery: DeliveryRecord, until: datetime) -> None:
    try:
        system.table.put(delivery.model_copy(update={"next_try_at": until}))
    except WriteConflict:
        return  # it has been tried in the meantime


def _log(delivery: DeliveryRecord, tried: Try) -> None:
    """The host alone: neither the body nor the URL's path and query is the log's business."""
    told = {"job": delivery.job, "n": delivery.n, "round": delivery.round}
    host = urlsplit(delivery.url).hostname
    told_more = {"host": host, "status": tried.status, "error": tried.error}
    logger.info("webhook tried", extra={**told, **told_more})
