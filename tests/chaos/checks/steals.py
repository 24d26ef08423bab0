"""No job was taken from a holder that showed signs of life.

It is judged by the silence that the watcher must have seen, whenever it then took the job: one that
is stopped between its last look and its write may do so late.
"""

from collections import defaultdict
from itertools import pairwise

from tests.chaos.evidence import Evidence
from tests.chaos.faults.journal import Write
from tests.chaos.findings import Findings

LEAST_SILENCE = 1.5
"""Seconds without a sign before a job may be taken: the visibility, less what a line of the journal
may be late."""


def check_steals(evidence: Evidence, findings: Findings) -> None:
    beats: dict[tuple[str, int | None], list[float]] = defaultdict(list)
    jobs: dict[str, list[Write]] = defaultdict(list)
    for write in evidence.writes:
        if write.kind == "pulse":
            beats[write.pk, write.attempt].append(write.clock)
        elif write.kind == "job" and write.job:
            jobs[write.pk].append(write)
    for job_id, writes in jobs.items():
        writes.sort(key=lambda write: write.version)
        for attempt, since, until in _takings(writes):
            signs = [clock for clock in beats[job_id, attempt] if since < clock < until]
            silence = max(later - earlier for earlier, later in pairwise([since, *signs, until]))
            if silence < LEAST_SILENCE:
                why = f"attempt {attempt} had been silent for {silence:.1f} s when it was taken"
                findings.add("twice", job_id, why)


def _takings(writes: list[Write]) -> list[tuple[int, float, float]]:
    """The attempts that others took the job from, and when each began and ended."""
    found, since = [], 0.0
    for earlier, later in pairwise([None, *writes]):
        was, now = earlier and earlier.job, later and later.job
        if later is None or now is None:
            continue
        taken = was and now.holder and was.holder not in (None, now.holder)
        if taken and was and earlier and later.version == earlier.version + 1:
            found.append((was.attempt, since, later.clock))
        if was is None or now.attempt != was.attempt:
            since = later.clock
    return found
