"""The benchmark of the pipeline runs, and finds every job ended by each kind of worker."""

from pathlib import Path

import pytest

from tests.bench.pipeline import WORKERS, run
from tests.bench.wire_stub.running import CREDENTIALS

COUNT = 4


@pytest.mark.slow
@pytest.mark.parametrize("kind", WORKERS)
def test_every_job_ends(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in CREDENTIALS.items():
        monkeypatch.setenv(variable, value)
    found = run(kind, 20, COUNT, tmp_path)
    assert 0 < found.busy <= found.clocked <= 1
    assert found.calls["S3.PUT"] == 3
