"""When signed URLs begin and end, and how webhooks are signed.

A download URL is signed at a rounded time, so that a job's representation stays the same, byte for
byte, for a whole window; it lives ten to fifteen minutes.
"""

import base64
import hmac
from datetime import UTC, datetime, timedelta
from hashlib import sha256

WINDOW = timedelta(minutes=5)
GET_LIFE = timedelta(minutes=15)
PUT_LIFE = timedelta(minutes=15)


def window_start(now: datetime) -> datetime:
    """The beginning of the signing window that `now` lies in."""
    seconds = WINDOW.total_seconds()
    return datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC)


def get_expiry(signed_at: datetime) -> datetime:
    """When a download URL dies; pass the start of its window."""
    return signed_at + GET_LIFE


def put_expiry(now: datetime) -> datetime:
    """When an upload URL dies, to the second."""
    return now.replace(microsecond=0) + PUT_LIFE


def webhook_secret(master: bytes, tenant: str) -> str:
    """The tenant's own secret, as Standard Webhooks writes it: `whsec_<base64>`."""
    key = hmac.new(master, f"webhooks/{tenant}".encode(), sha256).digest()
    return "whsec_" + base64.b64encode(key).decode()


def webhook_signature(secret: str, event_id: str, timestamp: int, body: str) -> str:
    """`v1,<base64>` over `id.timestamp.body` (Standard Webhooks 1.0)."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.new(key, f"{event_id}.{timestamp}.{body}".encode(), sha256).digest()
    return "v1," + base64.b64encode(signed).decode()
