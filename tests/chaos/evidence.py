"""All that can be seen from the outside when it is over."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from shared.errors import Forbidden
from shared.records import MIRROR, DeliveryRecord, JobRecord, Made, UploadRecord
from shared.signing import webhook_secret
from shared.system import System
from tests.chaos.caller import Caller
from tests.chaos.faults.journal import Write
from tests.chaos.ledger import Account, Ledger
from tests.chaos.stage import Stage
from tests.chaos.webhooks import Call, Receiver

PAGE = 500
THREADS = 8


@dataclass
class Evidence:
    """What the checks judge."""

    tenant: str
    accounts: list[Account]
    records: dict[str, JobRecord]
    """Every job that is known of, tombstones too."""
    shown: dict[str, dict[str, Any] | int]
    """What the API says of a job, or the status with which it refuses."""
    digests: dict[str, str | None]
    """SHA-256 of what an artwork's URL leads to, by key; None where it leads nowhere."""
    companions: dict[str, bytes | None]
    """Thumbnails, manifests and mirrors, by key."""
    artwork_keys: frozenset[str]
    inbox_keys: frozenset[str]
    uploads: dict[str, UploadRecord]
    """The records of the uploads that are stored."""
    deliveries: dict[str, list[DeliveryRecord]]
    calls: list[Call]
    told: list[tuple[str, Any]]
    writes: list[Write]
    faults: Counter[str]
    """How many of each kind were injected."""
    secret: str
    left: list[str]
    """What was still to be done when the suite gave up."""
    deaths: list[str]

    @property
    def living(self) -> list[JobRecord]:
        return [job for job in self.records.values() if not job.deleted]


def gather(
    stage: Stage, ledger: Ledger, caller: Caller, receiver: Receiver, left: list[str]
) -> Evidence:
    """Look at everything, once."""
    system, tenant = stage.system, stage.tenant
    writes = list(stage.faults.journal())
    accounts = list(ledger.accounts.values())
    known = {write.pk for write in writes if write.kind == "job"}
    records = _records(system, tenant, known.union(*(account.ids for account in accounts)))
    living = [job for job in records.values() if not job.deleted]
    with ThreadPoolExecutor(THREADS) as threads:
        shown = dict(
            zip(records, threads.map(lambda job: _show(caller, job), records), strict=True)
        )
        urls = list(_urls(living, shown))
        digests = dict(threads.map(lambda one: (one[0], _digest(caller, one[1])), urls))
        keys = list(_companions(living))
        companions = dict(zip(keys, threads.map(lambda key: _get(system, key), keys), strict=True))
    inbox = frozenset((*_inbox(system, tenant),))
    uploads = (key.rsplit("/", 1)[-1] for key in inbox if key.startswith("uploads/"))
    found = ((upload, system.table.get(UploadRecord, upload)) for upload in uploads)
    prefixes = (f"{tenant}/", f"{MIRROR}/{tenant}/")
    return Evidence(
        tenant=tenant,
        accounts=accounts,
        records=records,
        shown=shown,
        digests=digests,
        companions=companions,
        artwork_keys=frozenset(key for one in prefixes for key in system.artworks.keys(one)),
        inbox_keys=inbox,
        uploads={upload: record for upload, record in found if record},
        deliveries={job.id: system.table.partition(DeliveryRecord, job.id) for job in living},
        calls=list(receiver.calls),
        told=list(stage.told()),
        writes=writes,
        faults=stage.faults.by_kind(),
        secret=webhook_secret(system.secret(), tenant),
        left=list(left),
        deaths=stage.deaths(),
    )


def _records(system: System, tenant: str, known: Iterable[str]) -> dict[str, JobRecord]:
    """Those that are listed, and those that somebody has heard of."""
    found: dict[str, JobRecord] = {}
    page = system.table.owned(JobRecord, tenant, None, PAGE)
    while page:
        found |= {job.id: job for job in page}
        page = system.table.owned(JobRecord, tenant, page[-1].id, PAGE)
    for job_id in set(known) - found.keys():
        job = system.table.get(JobRecord, job_id)
        if job:
            found[job_id] = job
    return found


def _show(caller: Caller, job_id: str) -> dict[str, Any] | int:
    answer = caller.get(f"/v1/jobs/{job_id}")
    shown: dict[str, Any] | int = answer.json if answer.status == 200 else answer.status
    return shown


def _urls(
    living: list[JobRecord], shown: Mapping[str, dict[str, Any] | int]
) -> Iterator[tuple[str, str | None]]:
    """Each committed artwork's key, and where the API says that it is."""
    for job in living:
        told = shown[job.id]
        artworks = told["artworks"] if isinstance(told, dict) else []
        urls = {one["index"]: one["url"] for one in artworks}
        for made in job.artworks:
            yield made.key(job.tenant, job.id), urls.get(made.index)


def _digest(caller: Caller, url: str | None) -> str | None:
    answer = caller.call("GET", url, None, {}) if url else None
    return sha256(answer.body).hexdigest() if answer and answer.status == 200 else None


def _companions(living: list[JobRecord]) -> Iterator[str]:
    return (key for job in living for made in job.artworks for key in companions(job, made))


def companions(job: JobRecord, made: Made) -> list[str]:
    """What must be stored beside an artwork."""
    place = (job.tenant, job.id)
    mirror = [job.drop.mirror_key(job.tenant, made)] if job.drop and mirrored(job) else []
    return [made.thumbnail_key(*place), made.manifest_key(*place), *mirror]


def mirrored(job: JobRecord) -> bool:
    return job.status in ("succeeded", "failed")


def _get(system: System, key: str) -> bytes | None:
    return system.artworks.get(key)


def _inbox(system: System, tenant: str) -> Iterator[str]:
    for place in ("uploads", "drops"):
        try:
            yield from system.inbox.keys(f"{place}/{tenant}/")
        except Forbidden:
            continue
