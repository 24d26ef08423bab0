"""The checks: each judges one promise by the evidence alone."""

from tests.chaos.checks.artworks import check_artworks
from tests.chaos.checks.events import check_events
from tests.chaos.checks.fates import check_fates
from tests.chaos.checks.history import check_history
from tests.chaos.checks.orphans import check_orphans
from tests.chaos.checks.steals import check_steals
from tests.chaos.evidence import Evidence
from tests.chaos.findings import Findings

CHECKS = (
    check_fates,
    check_artworks,
    check_events,
    check_history,
    check_steals,
    check_orphans,
)


def judge(evidence: Evidence) -> Findings:
    """Everything that is held against the system."""
    findings = Findings()
    for check in CHECKS:
        check(evidence, findings)
    for what in evidence.left:
        findings.add("stuck", "the suite", f"waited in vain: {what}")
    for death in evidence.deaths:
        findings.add("deaths", "a process", death)
    return findings
