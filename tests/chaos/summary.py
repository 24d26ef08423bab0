"""What a run has come to, in one line."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from shared.records import JobRecord
from tests.chaos.evidence import Evidence
from tests.chaos.findings import Findings
from tests.chaos.ledger import Ledger
from tests.chaos.options import Options


@dataclass(frozen=True)
class Summary:
    """The figures of one run."""

    seed: int
    jobs: int
    attacks: Counter[str]
    faults: Counter[str]
    answers: Counter[str]
    ends: Counter[str]
    recomputed: int
    webhooks: int
    seconds: float
    findings: Findings

    def line(self) -> str:
        return " ".join(f"{name}={value}" for name, value in self._figures().items())

    def details(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            **self._figures(),
            "seconds": round(self.seconds, 1),
            "attacks": dict(sorted(self.attacks.items())),
            "faults_by_kind": dict(sorted(self.faults.items())),
            "answers": dict(sorted(self.answers.items())),
            "ends": dict(sorted(self.ends.items())),
            "webhooks": self.webhooks,
        }

    def _figures(self) -> dict[str, int]:
        return {
            "jobs": self.jobs,
            "kills": self._attacks("kill", "power"),
            "stops": self._attacks("stop"),
            "faults": self.faults.total(),
            "recomputed": self.recomputed,
            **self.findings.counts(),
        }

    def _attacks(self, *acts: str) -> int:
        return sum(n for kind, n in self.attacks.items() if kind.partition(" ")[0] in acts)


def summarise(
    options: Options,
    attacks: Counter[str],
    ledger: Ledger,
    evidence: Evidence,
    findings: Findings,
    seconds: float,
) -> Summary:
    """The figures of a run that is over."""
    return Summary(
        seed=options.seed,
        jobs=len(ledger.accounts),
        attacks=attacks,
        faults=evidence.faults,
        answers=ledger.answers,
        ends=Counter(_end(job) for job in evidence.records.values()),
        recomputed=sum(max(0, job.attempt - 1) for job in evidence.records.values()),
        webhooks=len(evidence.calls),
        seconds=seconds,
        findings=findings,
    )


def _end(job: JobRecord) -> str:
    """How it ended, with its code if it failed."""
    if job.deleted:
        return "deleted"
    return f"{job.status} {job.error.code}" if job.error else job.status.value
