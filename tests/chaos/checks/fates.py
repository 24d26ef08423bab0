"""Each order got the one job that it asked for, and the job ended as it should."""

from collections import defaultdict

from shared.contract import Status
from shared.records import JobRecord
from tests.chaos.evidence import Evidence
from tests.chaos.findings import Findings
from tests.chaos.ledger import Account
from tests.chaos.workload import Order


def check_fates(evidence: Evidence, findings: Findings) -> None:
    jobs = _by_order(evidence)
    for account in evidence.accounts:
        order = account.order
        for odd in account.odd:
            findings.add("lost", order.key, odd)
        ids = account.ids | jobs[order.number]
        if len(ids) != 1:
            findings.add("twice" if ids else "lost", order.key, f"has become {sorted(ids)}")
        for job_id in ids:
            _check(evidence, findings, account, job_id)
    for job in evidence.records.values():
        if not job.status.ended:
            findings.add("stuck", job.id, f"is still {job.status}")


def _by_order(evidence: Evidence) -> dict[int, set[str]]:
    """The jobs that say themselves which order they come from."""
    found: dict[int, set[str]] = defaultdict(set)
    for job in evidence.living:
        told = job.metadata.get("order")
        if told is None and job.drop:
            told = job.drop.name.partition(".")[0]
        if told is not None:
            found[int(told)].add(job.id)
    return found


def _check(evidence: Evidence, findings: Findings, account: Account, job_id: str) -> None:
    job, shown = evidence.records.get(job_id), evidence.shown.get(job_id)
    if job is None:
        findings.add("lost", job_id, "was accepted and is gone")
    elif account.deleted:
        if not job.deleted or shown != 410:
            findings.add("backwards", job_id, f"was deleted and has come back: {shown}")
    elif job.deleted:
        findings.add("lost", job_id, "was deleted by nobody")
    elif not isinstance(shown, dict) or shown["status"] != job.status:
        findings.add("lost", job_id, f"is {job.status}, and is shown as {shown}")
    elif job.status.ended:
        for why in _complaints(account, job):
            findings.add("lost", job_id, why)


def _complaints(account: Account, job: JobRecord) -> list[str]:
    order = account.order
    code = job.error.code if job.error else None
    if job.status not in _allowed(account):
        return [f"is {job.status} {code}, which {order} does not allow"]
    if job.status is Status.FAILED and code not in order.codes:
        return [f"failed with {code}, which {order} does not allow"]
    if job.status is Status.SUCCEEDED:
        made = sorted(artwork.index for artwork in job.artworks)
        return [] if made == list(range(order.wanted)) else [f"has the artworks {made} of {order}"]
    return []


def _allowed(account: Account) -> set[Status]:
    order: Order = account.order
    if account.canceled:
        return {Status.CANCELED}
    if order.withheld:
        return {Status.EXPIRED}
    usual = Status.FAILED if order.poison else Status.SUCCEEDED
    return {usual, Status.EXPIRED} if order.may_expire else {usual}
