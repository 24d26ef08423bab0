"""The embedded system keeps what it has acknowledged: through `kill -9`, and, by the order in which
it makes the disk write, through power loss."""

import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from shared.embedded.database import Database
from shared.embedded.system import embedded
from shared.embedded.table import SqliteTable
from shared.ports import Letter, Queue
from shared.records import JobRecord
from shared.settings import Settings
from tests.contract.writer import ARTWORK

ROOT = Path(__file__).parents[2]
KILLS = 4
MAX_ACKNOWLEDGED = 12
CALLS = "fsync,fdatasync,rename,renameat,renameat2,link,linkat,mkdir,mkdirat"
BLOB = ARTWORK.key("ada", "job-1")


@pytest.fixture(scope="session")
def strace() -> str:
    """The tracer; installed where that is possible, and in CI it must be."""
    if not shutil.which("strace") and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], check=False)
        subprocess.run(["apt-get", "install", "-y", "-qq", "strace"], check=False)
    found = shutil.which("strace")
    if found is None:
        message = "strace is not there: NOBODY HAS CHECKED the order of writes on the disk"
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse(message)
    return found


@pytest.fixture
def trace(strace: str, tmp_path: Path) -> list[str]:
    """What a writer asked of the disk while it stored an artwork and committed it."""
    log = tmp_path / "trace"
    data = tmp_path / "data"
    writer = [sys.executable, "-m", "tests.contract.writer", "once", str(data)]
    traced = [strace, "-f", "-y", "-s", "300", "-e", f"trace={CALLS}", "-o", str(log), *writer]
    subprocess.run(traced, check=True, cwd=ROOT, timeout=60)
    lines = [line.replace(str(data), "") for line in log.read_text().splitlines()]
    ready = next(number for number, line in enumerate(lines) if '"/ready"' in line)
    return [line for line in lines[ready + 1 :] if line.rstrip().endswith("= 0")]


def places(trace: list[str], pattern: str) -> list[int]:
    return [number for number, line in enumerate(trace) if re.search(pattern, line)]


def commit(trace: list[str]) -> int:
    """The first time that the log of the database is made durable; closing it does so again."""
    return places(trace, r"f(data)?sync\(\d+</atelier\.db-wal>")[0]


class TestTheOrderOnTheDisk:
    def test_bytes_then_name_then_folder_then_commit(self, trace: list[str]) -> None:
        (bytes_synced,) = places(trace, r"f(data)?sync\(\d+</artworks/\.scratch/\w+>")
        (named,) = places(trace, rf'(rename|link)\w*\(.*"/artworks/{re.escape(BLOB)}"')
        (folder_synced,) = places(trace, r"fsync\(\d+</artworks/ada/job-1>")
        committed = commit(trace)
        assert bytes_synced < named < folder_synced < committed

    def test_every_new_folder_is_named_durably_too(self, trace: list[str]) -> None:
        committed = commit(trace)
        for made, parent in (
            ("/artworks", ""),
            ("/artworks/ada", "/artworks"),
            ("/artworks/ada/job-1", "/artworks/ada"),
        ):
            (made_at,) = places(trace, rf'mkdir\w*\(.*"{made}"')
            synced = places(trace, rf"fsync\(\d+<{parent}>")
            assert any(made_at < place < committed for place in synced), (made, trace)


def write_until_killed(folder: Path, first: int, acknowledged: int) -> int:
    """Start a writer and kill it after so many acknowledgements: the last one that it gave."""
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.contract.writer", "on", str(folder), str(first)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
    )
    last = first - 1
    with writer:
        assert writer.stdout
        for line in writer.stdout:
            last = int(line)
            if last - first + 1 == acknowledged:
                writer.send_signal(signal.SIGKILL)
    assert writer.returncode == -signal.SIGKILL
    return last


def test_what_was_acknowledged_outlives_kill_9(tmp_path: Path) -> None:
    chance = random.Random(7)
    last = 0
    for _ in range(KILLS):
        # What a killed writer did of its last number, unacknowledged, stays: go on after it.
        last = write_until_killed(tmp_path, last + 2, chance.randint(1, MAX_ACKNOWLEDGED))
    check_whole(tmp_path)
    check_kept(tmp_path, last)


def check_whole(folder: Path) -> None:
    with sqlite3.connect(folder / "atelier.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()


def check_kept(folder: Path, last: int) -> None:
    """Whatever was acknowledged is there; of each interrupted step, all or nothing."""
    system = embedded(Settings(data=folder, disk_reserve=0), folder)
    table = system.table
    assert isinstance(table, SqliteTable)
    jobs = {record.id: record for record in table.owned(JobRecord, "ada", None, 10_000)}
    counter = jobs.pop("counter")
    announced = {entry.record.pk for entry in table.announcements(10_000)}
    sent = [letter.body for letter in drain(system.queue("standard-bulk"))]
    assert len(sent) == len(set(sent))
    for name, record in jobs.items():
        assert system.artworks.get(f"ada/{name}/0.png") == name.encode()
        assert record.announce == (name in announced) == (record.version == 2)
    whole = {name for name, record in jobs.items() if record.announce}
    assert whole <= set(sent) <= set(jobs)
    assert f"job-{last:06}" in whole
    assert len(jobs) - len(whole) <= KILLS
    assert counter.seed == counter.version
    assert len(whole) <= counter.version <= len(jobs)


def drain(queue: Queue) -> list[Letter]:
    found: list[Letter] = []
    while letters := queue.receive(10, 60):
        found += letters
    return found


def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    Database(tmp_path).read().execute("PRAGMA user_version = 99")
    with pytest.raises(RuntimeError, match="newer Atelier"):
        Database(tmp_path)
