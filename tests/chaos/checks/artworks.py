"""What a record names is stored, and is what the record says."""

from hashlib import sha256

from shared.contract import Manifest
from shared.records import JobRecord, Made
from tests.chaos.evidence import Evidence, companions
from tests.chaos.findings import Findings


def check_artworks(evidence: Evidence, findings: Findings) -> None:
    for job in evidence.living:
        indices = [made.index for made in job.artworks]
        if len(set(indices)) != len(indices):
            findings.add("twice", job.id, f"has the artworks {indices}")
        for made in job.artworks:
            _check(evidence, findings, job, made)


def _check(evidence: Evidence, findings: Findings, job: JobRecord, made: Made) -> None:
    artwork = f"{job.id}-{made.index}"
    digest = evidence.digests.get(made.key(job.tenant, job.id))
    if digest is None:
        findings.add("lost", artwork, "its bytes are not there")
    elif digest != made.sha256:
        findings.add("lost", artwork, "its bytes are others than those that were committed")
    for key in companions(job, made):
        if not evidence.companions.get(key):
            findings.add("lost", artwork, f"{key} is not there")
    _check_manifest(evidence, findings, job, made)
    _check_mirror(evidence, findings, job, made)


def _check_manifest(evidence: Evidence, findings: Findings, job: JobRecord, made: Made) -> None:
    stored = evidence.companions.get(made.manifest_key(job.tenant, job.id))
    if stored:
        told = Manifest.model_validate_json(stored)
        if (told.artwork, told.sha256) != (f"{job.id}-{made.index}", made.sha256):
            findings.add("lost", f"{job.id}-{made.index}", "its manifest tells of another artwork")


def _check_mirror(evidence: Evidence, findings: Findings, job: JobRecord, made: Made) -> None:
    stored = evidence.companions.get(job.drop.mirror_key(job.tenant, made)) if job.drop else None
    if stored and sha256(stored).hexdigest() != made.sha256:
        findings.add("lost", f"{job.id}-{made.index}", "its mirror shows another picture")
