"""The system on the adapters of AWS, under attack."""

import pytest

from tests.chaos.options import Options
from tests.chaos.run import run

ATTACKS = {
    "kill worker": 2,
    "kill front": 1,
    "kill pump": 1,
    "power cut": 1,
    "stop worker": 2,
    "stop pump": 1,
    "spot notice": 1,
    "false clock": 1,
}


@pytest.mark.slow
def test_nothing_is_lost_in_the_cloud() -> None:
    summary = run(Options(jobs=40, seed=7, adapters="aws", attacks=ATTACKS))
    assert not summary.findings, summary.findings.text()
    assert {"kill worker", "stop worker", "power cut", "spot notice"} <= summary.attacks.keys()
    assert summary.ends["succeeded"] > 20
    assert any(kind.startswith("wire_") for kind in summary.faults)
