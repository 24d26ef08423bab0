"""What a health check sees of a worker: whether its loop turns."""

from pathlib import Path

from functions.submission import submit
from shared.settings import Settings
from shared.system import System
from tests.integration.working import request, until, working
from tests.machine import wait_until


def turns_again(shown: Path) -> None:
    before = shown.stat().st_mtime_ns
    wait_until(lambda: shown.stat().st_mtime_ns > before, 60)


def test_each_turn_is_shown_with_work_and_without(
    system: System, chosen: Settings, tmp_path: Path
) -> None:
    shown = tmp_path / "turned"
    with working(chosen.model_copy(update={"turned": shown})):
        wait_until(shown.exists, 60)
        turns_again(shown)
        job = submit(system, "local", request(params={"seconds": 3600.0, "steps": 36_000}))
        until(system, job, lambda job: job.status == "running")
        turns_again(shown)
