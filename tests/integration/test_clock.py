"""The wall clock jumps while jobs run: nothing is held back, and nothing is handed out twice."""

import os
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from shared.embedded import clock
from shared.embedded.database import MIGRATIONS, Database
from shared.embedded.queue import SqliteQueue
from tests.machine import OWN_MODELS, running
from tests.wall_clock import WallClock

HOUR = 3600
SEEN_SECONDS = 2.5
"""Until every process sees that the clock was set."""
TELL = """
import time
from shared.embedded import clock
begun = time.perf_counter()
time.sleep(0.5)
print(time.time(), clock.now(), time.perf_counter() - begun)
"""


def test_only_the_wall_clock_jumps(tmp_path: Path) -> None:
    wall_clock = WallClock(tmp_path / "clock")
    wall_clock.shift(HOUR)
    told = subprocess.run(
        [sys.executable, "-c", TELL],
        env=os.environ | wall_clock.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    wall, ours, slept = map(float, told.stdout.split())
    assert wall > datetime.now().timestamp() + HOUR / 2
    assert abs(clock.now() - ours) < HOUR / 2
    assert slept > 0.4


@pytest.mark.slow
@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_a_jump_neither_hides_jobs_nor_hands_them_out_twice(tmp_path: Path, jump: int) -> None:
    wall_clock = WallClock(tmp_path / "clock")
    faked = wall_clock.environment()
    with running(tmp_path / "data", *OWN_MODELS, ATELIER_VISIBILITY="5", **faked) as atelier:
        begun = datetime.now().astimezone()
        jobs = [atelier.submit(params={"seconds": 2, "steps": 20}) for _ in range(3)]
        atelier.until(jobs[0], "running")
        wall_clock.shift(jump)
        time.sleep(SEEN_SECONDS)
        jobs.append(atelier.submit())
        done = [atelier.until(job, "succeeded", 120) for job in jobs]
        assert [job["attempts"] for job in done] == [1] * len(jobs)
        jumped = datetime.fromisoformat(done[-1]["created_at"]) - begun
        assert abs(jumped - timedelta(seconds=jump)) < timedelta(seconds=HOUR / 2)
        assert atelier.call("GET", "/health").json()["ready"] is True


def test_what_the_clock_told_before_a_boot_means_nothing_after_it(tmp_path: Path) -> None:
    database = Database(tmp_path)
    queue = SqliteQueue(database, "test")
    queue.send("held", "ada")
    queue.receive(1, HOUR)
    queue.send("delayed", "ada", delay=HOUR)
    assert SqliteQueue(Database(tmp_path), "test").receive(10, HOUR) == []
    with database.alone() as db:
        db.execute("UPDATE meta SET value = 'another' WHERE name = 'boot'")
    again = SqliteQueue(Database(tmp_path), "test")
    assert {letter.body for letter in again.receive(10, HOUR)} == {"held", "delayed"}
    assert SqliteQueue(Database(tmp_path), "test").receive(10, HOUR) == []


def test_a_folder_of_the_first_version_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shared.embedded import database as module

    with monkeypatch.context() as earlier:
        earlier.setattr(module, "MIGRATIONS", MIGRATIONS[:1])
        earlier.setattr(Database, "_forget_last_boot", lambda _: None)
        with Database(tmp_path).alone() as db:
            db.execute(
                """INSERT INTO letters (queue, tenant, body, turn, visible_at)
                   VALUES ('test', 'ada', 'a', 1, ?)""",
                (datetime.now().timestamp() + HOUR,),
            )
    database = Database(tmp_path)
    assert [letter.body for letter in SqliteQueue(database, "test").receive(1, HOUR)] == ["a"]
    ((version,),) = database.rows("PRAGMA user_version")
    assert version == len(MIGRATIONS)
