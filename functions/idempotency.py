"""What makes a client's retry find the first request's job again."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from ulid import ULID

from shared.contract import JobRequest, UploadRequest
from shared.errors import IdempotencyMismatch, InvalidRequest, WriteConflict
from shared.ports import Table
from shared.records import IdempotencyRecord
from shared.system import System

KEY_LIFE = timedelta(days=7)
KEY_PATTERN = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(frozen=True)
class Claim:
    """The ids that a request is to use, and whether an earlier one has used them already."""

    target: str
    job: str | None
    first: bool


def new_id() -> str:
    """A fresh id: sortable by time, URL-safe."""
    return str(ULID()).lower()


def claim(
    system: System,
    tenant: str,
    route: str,
    key: str | None,
    request: JobRequest | UploadRequest,
    with_job: bool = False,
) -> Claim:
    """Mint the ids of a request, or find those that the same key stood for before.

    Raises `IdempotencyMismatch` where the key came with another body before.
    """
    target, job = new_id(), new_id() if with_job else None
    if key is None:
        return Claim(target, job, first=True)
    fingerprint = sha256(request.model_dump_json().encode()).hexdigest()
    minted = IdempotencyRecord(
        tenant=tenant,
        route=route,
        key=_checked(key),
        fingerprint=fingerprint,
        target=target,
        job=job,
        expires_at=system.now() + KEY_LIFE,
    )
    kept = _put_or_get(system.table, minted)
    if kept.fingerprint != fingerprint:
        raise IdempotencyMismatch("this Idempotency-Key was used for another request")
    return Claim(kept.target, kept.job, first=kept.target == target)


def check_new(
    system: System, tenant: str, route: str, key: str | None, check: Callable[[], None]
) -> None:
    """Check a request, unless its key stands for an earlier one: that was taken, whatever the check
    would say today. Few are refused, so the key is looked up only then."""
    try:
        check()
    except Exception:
        if key is None or not _known(system.table, tenant, route, key):
            raise


def _known(table: Table, tenant: str, route: str, key: str) -> bool:
    pk = f"idempotency#{tenant}#{route}#{_checked(key)}"
    return table.get(IdempotencyRecord, pk) is not None


def _put_or_get(table: Table, minted: IdempotencyRecord) -> IdempotencyRecord:
    try:
        return table.put(minted)
    except WriteConflict:
        return table.get(IdempotencyRecord, minted.pk) or minted


def _checked(key: str) -> str:
    if not KEY_PATTERN.fullmatch(key):
        raise InvalidRequest("an Idempotency-Key is 1 to 128 visible ASCII characters")
    return key
