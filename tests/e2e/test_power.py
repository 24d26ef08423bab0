"""The plug is pulled: every process killed at once, again and again, and all jobs still end."""

import random
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.machine import OWN_MODELS, Running, running, wait_until

JOBS = 60
CUTS = 4
OPTIONS = (*OWN_MODELS, "--workers", "2")
QUICK = {"ATELIER_VISIBILITY": "2", "ATELIER_HEARTBEAT": "0.3"}


def submit_all(machine: Running) -> None:
    body = {"model": "plain", "input": {}, "count": 3, "params": {"seconds": 0.2}}
    for number in range(JOBS):
        key = {"Idempotency-Key": str(number)}
        machine.call("POST", "/v1/jobs", json=body, headers=key).raise_for_status()


def jobs(machine: Running) -> list[Any]:
    page = machine.call("GET", "/v1/jobs").json()
    found: list[Any] = page["items"]
    while page["next"]:
        page = machine.call("GET", f"/v1/jobs?cursor={page['next']}").json()
        found += page["items"]
    return found


@pytest.mark.slow
def test_all_jobs_end_once_however_often_everything_is_killed(tmp_path: Path) -> None:
    chance = random.Random(7)
    for cut in range(CUTS):
        with running(tmp_path / "data", *OPTIONS, **QUICK) as machine:
            if not cut:
                submit_all(machine)
            time.sleep(chance.uniform(0.2, 2.0))
            machine.cut()
    with running(tmp_path / "data", *OPTIONS, **QUICK) as machine:
        submit_all(machine)  # as clients do who lost an answer
        wait_until(lambda: all(job["ended_at"] for job in jobs(machine)), 120)
        made = jobs(machine)
        assert len(made) == JOBS
        assert {job["status"] for job in made} == {"succeeded"}
        for job in made:
            assert [artwork["index"] for artwork in job["artworks"]] == [0, 1, 2]
            for artwork in job["artworks"]:
                data = httpx.get(artwork["url"]).raise_for_status().content
                assert sha256(data).hexdigest() == artwork["sha256"]
