"""No job was taken from a holder that showed signs of life.

It is judged by the longest silence that the watcher may have seen, whenever it then took the job:
one that is stopped between its last look and its write may do so late, and one that is stopped
between its write and its line in the journal tells of it late.
"""

from collections import defaultdict
from itertools import pairwise

from tests.chaos.evidence import Evidence
from tests.chaos.faults.journal import Write
from tests.chaos.findings import Findings

LEAST_SILENCE = 1.5
"""Seconds without a sign before a job may be taken: the visibility, and something to spare."""


def check_steals(evidence: Evidence, findings: Findings) -> None:
    beats: dict[tuple[str, int | None], list[Write]] = defaultdict(list)
    jobs: dict[str, list[Write]] = defaultdict(list)
    for write in evidence.writes:
        if write.kind == "pulse":
            beats[write.pk, write.attempt].append(write)
        elif write.kind == "job" and write.job:
            jobs[write.pk].append(write)
    for job_id, writes in jobs.items():
        writes.sort(key=lambda write: write.version)
        for begin, taking in _takings(writes):
            attempt = begin.job.attempt if begin.job else None
            silence = _silence(begin, beats[job_id, attempt], taking)
            if silence < LEAST_SILENCE:
                why = f"attempt {attempt} had been silent for {silence:.1f} s when it was taken"
                findings.add("twice", job_id, why)


def _takings(writes: list[Write]) -> list[tuple[Write, Write]]:
    """The attempts that others took the job from: the writes that began and that ended them."""
    found = []
    begin = None
    for earlier, later in pairwise([None, *writes]):
        was, now = earlier and earlier.job, later and later.job
        if later is None or now is None:
            continue
        taken = was and now.holder and was.holder not in (None, now.holder)
        if taken and begin and earlier and later.version == earlier.version + 1:
            found.append((begin, later))
        if was is None or now.attempt != was.attempt:
            begin = later
    return found


def _silence(begin: Write, beats: list[Write], taking: Write) -> float:
    """Seconds between two signs of life at most, as far as their lines tell."""
    signs = [one for one in beats if one.begun > begin.begun and one.clock < taking.clock]
    lines = [begin, *sorted(signs, key=lambda one: one.clock), taking]
    return max(later.clock - earlier.begun for earlier, later in pairwise(lines))
