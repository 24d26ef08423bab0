"""A job's inputs and parameters, fetched and checked, before the device sees them."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from pydantic import ValidationError

from gpu_worker.blame import blamed
from gpu_worker.model import Inputs, Model
from shared.contract import MAX_UPLOAD_BYTES
from shared.egress import fetch
from shared.errors import InputError
from shared.reasons import reasons
from shared.records import JobRecord, upload_key
from shared.system import System


@dataclass(frozen=True)
class Prepared:
    """What every artwork of a job shares."""

    decoded: Any
    params: Any
    digests: Mapping[str, str]
    """SHA-256 of each input's bytes, by field."""
    texts: Mapping[str, str]


def prepare(system: System, job: JobRecord, model: Model) -> Prepared:
    """Fetch, check and decode. Raises `InputError` for what cannot be used."""
    try:
        params = model.Params.model_validate(job.params)
    except ValidationError as error:
        raise InputError(f"params: {reasons(error)}", code="params_invalid") from None
    inputs = {field: _fetch(system, job, value) for field, value in job.input.items()}
    with blamed(model):
        decoded = model.prepare(inputs, params)
    return Prepared(
        decoded=decoded,
        params=params,
        digests=digests(inputs),
        texts={field: value for field, value in inputs.items() if isinstance(value, str)},
    )


def digests(inputs: Inputs) -> dict[str, str]:
    """SHA-256 of each input, texts as UTF-8."""
    return {
        field: sha256(value.encode() if isinstance(value, str) else value).hexdigest()
        for field, value in inputs.items()
    }


def _fetch(system: System, job: JobRecord, value: Any) -> bytes | str:
    """One input. Whatever the api let through, a job reads its own tenant's bytes only."""
    match value:
        case {"upload": str(upload_id)}:
            return _stored(system, upload_key(job.tenant, upload_id))
        case {"drop": str(key)}:
            own = job.drop is not None and key == job.drop.key(job.tenant)
            return _dropped(system, key if own else "")
        case {"url": str(url)}:
            return fetch(url, MAX_UPLOAD_BYTES, system.settings.allow_networks)
        case str(text):
            return text
    raise InputError("an input is of no kind that is known", code="input_invalid")


def _dropped(system: System, key: str) -> bytes:
    """Who can write into the folder or the bucket can put anything there, of any size."""
    found = system.inbox.head(key) if key else None
    if found and found.size > MAX_UPLOAD_BYTES:
        raise InputError(f"the file has more than {MAX_UPLOAD_BYTES} bytes", code="input_too_large")
    return _stored(system, key)


def _stored(system: System, key: str) -> bytes:
    data = system.inbox.get(key) if key else None
    if data is None:
        raise InputError("the input is no longer stored", code="input_missing")
    return data
