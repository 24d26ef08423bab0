"""API keys: `ak_<id>_<secret>`, of which only a hash is kept.

A plain SHA-256 is right here: the secret is 256 random bits, so there is nothing to guess that a
slow hash would protect, and a hash without a salt can be looked up by one read of the table.
"""

import re
import secrets
from datetime import datetime
from hashlib import sha256

from shared.errors import InvalidRequest, NotFound, WriteConflict
from shared.ports import Table
from shared.records import MIRROR, KeyRecord

TENANT = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
KEY = re.compile(r"ak_[0-9a-f]{12}_[A-Za-z0-9_-]{43}")
OWNER = "#keys"
PAGE = 100
MAX_NAME = 100


def is_tenant(name: str) -> bool:
    """Whether a tenant may be called that."""
    return bool(TENANT.fullmatch(name)) and name != MIRROR


def create_key(table: Table, tenant: str, name: str, now: datetime) -> tuple[KeyRecord, str]:
    """A new key of a tenant. The secret is shown this once: it cannot be had again."""
    if not is_tenant(tenant):
        raise InvalidRequest(f"{tenant!r} is no tenant: use a-z, 0-9 and -, 63 at most")
    if not 0 < len(name) <= MAX_NAME:
        raise InvalidRequest(f"a key's name has 1 to {MAX_NAME} characters")
    key_id = secrets.token_hex(6)
    secret = f"ak_{key_id}_{secrets.token_urlsafe(32)}"
    record = KeyRecord(id=key_id, digest=_digest(secret), tenant=tenant, name=name, created_at=now)
    return table.put(record), secret


def list_keys(table: Table) -> list[KeyRecord]:
    """All keys, the oldest first, the revoked ones too. May lag behind a write by a moment."""
    found: list[KeyRecord] = []
    page = table.owned(KeyRecord, OWNER, None, PAGE)
    while page:
        found += page
        page = table.owned(KeyRecord, OWNER, page[-1].pk, PAGE)
    return sorted(found, key=lambda key: (key.created_at, key.id))


def revoke_key(table: Table, key_id: str, now: datetime) -> KeyRecord:
    """The key opens nothing any more. Repeatable. Raises `NotFound`."""
    listed = next((key for key in list_keys(table) if key.id == key_id), None)
    key = table.get(KeyRecord, listed.pk) if listed else None
    if key is None:
        raise NotFound(f"there is no key {key_id}", code="key_not_found")
    if key.revoked_at:
        return key
    try:
        return table.put(key.model_copy(update={"revoked_at": now}))
    except WriteConflict:  # the only other write to a key is its revocation
        return table.get(KeyRecord, key.pk) or key


def verify(table: Table, presented: str) -> KeyRecord | None:
    """The key that was presented, if it is one of ours and has not been revoked."""
    if not KEY.fullmatch(presented):
        return None
    key = table.get(KeyRecord, f"key#{_digest(presented)}")
    return key if key and not key.revoked_at else None


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
