"""The plug is pulled: every process killed at once, again and again, and all jobs still end."""

import random
import time
import urllib.request
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.e2e.machine import Machine

JOBS = 60
CUTS = 4


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "data")
    try:
        machine.start()
        yield machine
    finally:
        machine.cut()


@pytest.mark.slow
def test_all_jobs_end_once_however_often_everything_is_killed(machine: Machine) -> None:
    chance = random.Random(7)
    body = {"model": "plain", "input": {}, "count": 3, "params": {"seconds": 0.2}}
    for number in range(JOBS):
        machine.ask("/v1/jobs", body, Idempotency_Key=str(number))
    for _ in range(CUTS):
        time.sleep(chance.uniform(0.2, 2.0))
        machine.cut()
        machine.start()
    for number in range(JOBS):  # as clients do who lost an answer
        machine.ask("/v1/jobs", body, Idempotency_Key=str(number))
    give_up = time.monotonic() + 120
    while any(not job["ended_at"] for job in machine.jobs()):
        assert time.monotonic() < give_up
        time.sleep(0.5)
    jobs = machine.jobs()
    assert len(jobs) == JOBS
    assert {job["status"] for job in jobs} == {"succeeded"}
    for job in jobs:
        assert [artwork["index"] for artwork in job["artworks"]] == [0, 1, 2]
        for artwork in job["artworks"]:
            with urllib.request.urlopen(artwork["url"], timeout=10) as answer:
                assert sha256(answer.read()).hexdigest() == artwork["sha256"]
