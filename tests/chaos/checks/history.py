"""Nothing moved backwards: neither for a client who looked, nor in the table's journal."""

from collections import defaultdict
from itertools import pairwise

from shared.contract import Status
from tests.chaos.evidence import Evidence
from tests.chaos.faults.journal import JobState, Write
from tests.chaos.findings import Findings
from tests.chaos.ledger import Account, View

RANKS = {Status.AWAITING_UPLOAD: 0, Status.QUEUED: 1, Status.RUNNING: 2}
ENDED_RANK = 3


def check_history(evidence: Evidence, findings: Findings) -> None:
    for account in evidence.accounts:
        _check_views(findings, account)
    journal: dict[str, list[Write]] = defaultdict(list)
    for write in evidence.writes:
        if write.kind == "job" and write.job:
            journal[write.pk].append(write)
    for job_id, writes in journal.items():
        writes.sort(key=lambda write: write.version)
        _check_writes(evidence, findings, job_id, writes)


def rank(status: str) -> int:
    return RANKS.get(Status(status), ENDED_RANK)


def _check_views(findings: Findings, account: Account) -> None:
    """Only an answer that had come before another was asked for is earlier."""
    for later in account.views:
        before = [view for view in account.views if view.ended <= later.begun]
        if before:
            for why in _regressions(max(before, key=lambda view: view.ended), later):
                findings.add("backwards", account.id, f"a client saw {why}")


def _regressions(earlier: View, later: View) -> list[str]:
    found = []
    if _moved_back(earlier.status, later.status):
        found.append(f"{earlier.status}, then {later.status}")
    if later.progress < earlier.progress:
        found.append(f"progress {earlier.progress}, then {later.progress}")
    if later.attempts < earlier.attempts:
        found.append(f"{earlier.attempts} attempts, then {later.attempts}")
    if not earlier.artworks <= later.artworks:
        found.append("an artwork that vanished")
    return found


def _moved_back(earlier: str, later: str) -> bool:
    ended = rank(earlier) == ENDED_RANK
    return earlier != later if ended else rank(later) < rank(earlier)


def _check_writes(evidence: Evidence, findings: Findings, job_id: str, writes: list[Write]) -> None:
    if len({write.version for write in writes}) != len(writes):
        findings.add("backwards", job_id, "a version was written twice")
    for earlier, later in pairwise(writes):
        if earlier.job and later.job:
            for why in _reversals(earlier.job, later.job, later.version == earlier.version + 1):
                findings.add("backwards", job_id, f"version {later.version}: {why}")
            for index in _remade(earlier.job, later.job):
                findings.add("twice", f"{job_id}-{index}", "was committed twice")
    last, record = writes[-1], evidence.records.get(job_id)
    if record and last.job and record.version < last.version:
        findings.add("backwards", job_id, f"version {last.version} was written and is gone")


def _reversals(earlier: JobState, later: JobState, next_to_it: bool) -> list[str]:
    found = []
    if not earlier.deleted and _moved_back(earlier.status, later.status):
        found.append(f"{earlier.status} became {later.status}")
    if later.attempt < earlier.attempt:
        found.append(f"attempt {earlier.attempt} became {later.attempt}")
    if earlier.deleted and not later.deleted:
        found.append("it was deleted and came back")
    if earlier.status.ended and not later.deleted:
        found += _changed_after_the_end(earlier, later)
    if not later.deleted:
        found += _vanished(earlier, later)
    return found + _unfenced(earlier, later, next_to_it)


def _changed_after_the_end(earlier: JobState, later: JobState) -> list[str]:
    """An end that was told is final; only the telling of it goes on."""
    told_again = later.announce and not earlier.announce
    fixed = ("status", "attempt", "artworks", "error", "cancel_requested")
    changed = [name for name in fixed if getattr(earlier, name) != getattr(later, name)]
    return [f"{name} changed after the end" for name in changed] + (
        ["its end was to be told again"] if told_again else []
    )


def _vanished(earlier: JobState, later: JobState) -> list[str]:
    kept = {artwork.index for artwork in later.artworks}
    return [f"artwork {one.index} vanished" for one in earlier.artworks if one.index not in kept]


def _unfenced(earlier: JobState, later: JobState, next_to_it: bool) -> list[str]:
    """An artwork is committed under the attempt that holds the job at that moment: never under one
    before that, whatever was written in between and is not in the journal."""
    known = {artwork.index for artwork in earlier.artworks}
    return [
        f"attempt {one.attempt} committed artwork {one.index} while attempt {earlier.attempt} "
        f"held the job ({earlier.holder})"
        for one in later.artworks
        if one.index not in known
        and (one.attempt < earlier.attempt or (next_to_it and not _holds(one.attempt, earlier)))
    ]


def _holds(attempt: int, job: JobState) -> bool:
    return job.holder is not None and attempt == job.attempt


def _remade(earlier: JobState, later: JobState) -> list[int]:
    known = {artwork.index: artwork.sha256 for artwork in earlier.artworks}
    return [one.index for one in later.artworks if known.get(one.index, one.sha256) != one.sha256]
