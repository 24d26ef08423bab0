"""One call of one webhook: signed, bounded in time, and what its answer means.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from shared.egress import AGENT, Answer, post
from shared.metered import UrlError
from shared.records import DeliveryRecord, Try
from shared.signing import webhook_secret, webhook_signature
from shared.system import System

TIMEOUT_SECONDS = 10.0
GONE = 410
THROTTLING = frozenset({429, 502, 503, 504})
MOST_RETRY_AFTER = timedelta(hours=1)


class Told(NamedTuple):
    """What came of a call."""

    tried: Try
    final: bool = False
    """It has failed, and would fail again."""
    wait: timedelta = timedelta()
    """How long the receiver wants to be left alone."""
    timed_out: bool = False


def tell(system: System, delivery: DeliveryRecord) -> Told:
    """Call the webhook with the delivery's bytes."""
    now = system.now()
    headers = _headers(system.secret(), delivery, int(now.timestamp()))
    body, allow = delivery.body.encode(), system.settings.allow_networks
    try:
        answer = post(delivery.url, body, headers, allow, seconds=TIMEOUT_SECONDS)
    except UrlError as error:
        tried = Try(at=now, error=error.code)
        return Told(tried, not error.retryable, timed_out=error.code == "url_timeout")
    tried = Try(at=now, status=answer.status, error=_complaint(answer.status))
    return Told(tried, answer.status == GONE, retry_after(answer, now))


def retry_after(answer: Answer, now: datetime) -> timedelta:
    """What a receiver that has too much to do asks for, in seconds or as a date; an hour at most.

    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    if answer.status not in THROTTLING:
        return timedelta()
    wait = _seconds(answer.retry_after.strip(), now)
    return max(timedelta(), min(MOST_RETRY_AFTER, wait))


def _seconds(text: str, now: datetime) -> timedelta:
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:9]), MOST_RETRY_AFTER.total_seconds()))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return timedelta()
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now


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
