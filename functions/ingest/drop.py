"""A file that was dropped becomes a job with its batch's settings."""

import json
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from typing import Any

from pydantic import Field, ValidationError

from functions.idempotency import new_id
from functions.submission import accept, again, check_uploads, check_webhook, draft
from shared import lifecycle
from shared.contract import JobError, JobOptions, Name
from shared.errors import AtelierError, InvalidRequest, Unavailable, WriteConflict
from shared.keys import is_tenant
from shared.reasons import reasons
from shared.records import DropSource, JobRecord, SeenRecord, SourceRecord
from shared.system import System

SETTINGS_NAME = "atelier.json"
MAX_SETTINGS_BYTES = 2**18
SEEN_LIFE = timedelta(days=3650)
"""A folder that was out of sight for years is not taken for a new one."""
IGNORED = (".", "~")


class BatchSettings(JobOptions):
    """`atelier.json`, put into a drop folder before the pictures."""

    model: Name | None = None
    input: dict[str, Any] = Field(default_factory=dict)


def take_drop(system: System, key: str, event: str) -> None:
    """Make the job of one dropped file, once for each (bucket, key, sequencer)."""
    place = _place(key)
    if place is None:
        return
    tenant, source = place
    job_id = _seen(system, event)
    known = system.table.get(JobRecord, job_id)
    if known is not None:
        if not known.deleted:
            again(system, known)
        return
    drafted = _draft(system, tenant, source, key, job_id)
    system.together(lambda: _accept(system, key, drafted))


def _accept(system: System, key: str, job: JobRecord) -> None:
    _note(system, SourceRecord.of(key, job.id))
    accept(system, job)


def _note(system: System, source: SourceRecord) -> None:
    """The file is its latest job's, and goes with that one. Repeatable."""
    try:
        system.table.put(source)
    except WriteConflict:
        known = system.table.get(SourceRecord, source.pk)
        version = known.version if known else 0
        if known is None or known.job != source.job:
            _note(system, source.model_copy(update={"version": version}))


def _place(key: str) -> tuple[str, DropSource] | None:
    """The tenant and the source of `drops/<tenant>/<batch>/<name>`; None for what is no drop.

    Folders inside a batch belong to the name, so `a/1.jpg` and `b/1.jpg` keep their mirrors apart.
    """
    _, _, rest = key.partition("/")
    parts = rest.split("/")
    if len(parts) < 3 or not all(parts) or parts[-1] == SETTINGS_NAME:
        return None
    if not is_tenant(parts[0]) or any(part.startswith(IGNORED) for part in parts):
        return None
    return parts[0], DropSource(batch=parts[1], name="/".join(parts[2:]))


def _seen(system: System, event: str) -> str:
    """The job id that stands for this event, minted when the event is first seen."""
    digest = sha256(event.encode()).hexdigest()
    minted = SeenRecord(event=digest, job=new_id(), expires_at=system.now() + SEEN_LIFE)
    try:
        return system.table.put(minted).job
    except WriteConflict:
        kept = system.table.get(SeenRecord, minted.pk)
        return (kept or minted).job


def _draft(system: System, tenant: str, source: DropSource, key: str, job_id: str) -> JobRecord:
    """A queued job, or a failed one where the batch's settings cannot be used."""
    try:
        batch = _settings(system, tenant, source.batch)
        card = system.catalogue().get(batch.model or system.settings.default_model)
        card.check({**batch.input, "image": {"upload": "0" * 26}}, batch.params)
        check_webhook(system, batch)
        check_uploads(system, tenant, batch.input)
        given = {**batch.input, "image": {"drop": key}}
        return draft(system, tenant, batch, card, given, job_id, lane="bulk", drop=source)
    except Unavailable:
        raise  # not the drop's fault: its event comes again
    except AtelierError as error:
        return _refused(system, tenant, source, job_id, error)


def _settings(system: System, tenant: str, batch: str) -> BatchSettings:
    key = f"drops/{tenant}/{batch}/{SETTINGS_NAME}"
    found = system.inbox.head(key)
    if found and found.size > MAX_SETTINGS_BYTES:
        raise _unusable(f"it has more than {MAX_SETTINGS_BYTES} bytes")
    stored = system.inbox.get(key) if found else None
    try:
        return BatchSettings.model_validate(_object(stored) if stored else {})
    except ValidationError as error:
        raise _unusable(reasons(error)) from None
    except (ValueError, RecursionError):  # so deep that nobody could read it
        raise _unusable("this is no JSON object") from None


def _unusable(why: str) -> InvalidRequest:
    return InvalidRequest(f"{SETTINGS_NAME}: {why}", code="batch_settings_invalid")


def _object(stored: bytes) -> Mapping[str, Any]:
    parsed = json.loads(stored)
    if not isinstance(parsed, dict):
        raise ValueError("not an object")
    return parsed


def _refused(
    system: System, tenant: str, source: DropSource, job_id: str, error: AtelierError
) -> JobRecord:
    card = system.catalogue().get(system.settings.default_model)
    drafted = draft(system, tenant, JobOptions(), card, {}, job_id, lane="bulk", drop=source)
    reason = JobError(code=error.code, message=str(error), retryable=error.retryable)
    return lifecycle.refuse(drafted, reason, system.now())
