"""Nothing is stored that nobody names."""

from shared.records import JobRecord
from tests.chaos.evidence import Evidence, companions
from tests.chaos.findings import Findings

SETTINGS = "atelier.json"


def check_orphans(evidence: Evidence, findings: Findings) -> None:
    named = {key for job in evidence.living for key in _keys(job)}
    for key in sorted(evidence.artwork_keys - named):
        findings.add("orphans", key, "no record names it")
    dropped = {job.drop.key(job.tenant) for job in evidence.living if job.drop}
    for key in sorted(evidence.inbox_keys - dropped):
        if why := _stray(evidence, key):
            findings.add("orphans", key, why)
    for key in sorted(dropped - evidence.inbox_keys):
        findings.add("lost", key, "a dropped file is gone")


def _keys(job: JobRecord) -> list[str]:
    """All that a record stands for."""
    return [
        key
        for made in job.artworks
        for key in (made.key(job.tenant, job.id), *companions(job, made))
    ]


def _stray(evidence: Evidence, key: str) -> str | None:
    kind, _, rest = key.partition("/")
    name = rest.rsplit("/", 1)[-1]
    if kind == "uploads":
        upload = evidence.uploads.get(name)
        jobs = upload.jobs if upload else ()
        lives = any(job in evidence.records and not evidence.records[job].deleted for job in jobs)
        return None if lives else "an upload that no job uses"
    ours = name == SETTINGS or name.startswith(".")
    return None if ours else "a file that no job is made of"
