"""The embedded system keeps what it has acknowledged: through `kill -9`, and, by the order in which
it makes the disk write, through power loss."""

import contextlib
import gc
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.embedded import carrier, connections, log_file
from shared.embedded import table as tables
from shared.embedded.blobs import FolderBlobs
from shared.embedded.database import Database
from shared.embedded.system import embedded
from shared.embedded.table import SqliteTable
from shared.errors import Forbidden
from shared.ports import Blob, Letter, Queue
from shared.records import JobRecord, SeenRecord
from shared.settings import Settings
from tests.contract.worlds import NOW, job
from tests.contract.writer import ARTWORK
from tests.debian import install
from tests.machine import wait_until

ROOT = Path(__file__).parents[2]
KILLS = 4
MAX_ACKNOWLEDGED = 12
CALLS = "fsync,fdatasync,rename,renameat,renameat2,link,linkat,mkdir,mkdirat"
BLOB = ARTWORK.key("ada", "job-1")


@pytest.fixture
def trace(tmp_path: Path) -> list[str]:
    """What a writer asked of the disk while it stored an artwork, committed it and announced it."""
    strace = install("strace", "strace")
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
        (bytes_synced,) = places(trace, r"f(data)?sync\(\d+</artworks/\.scratch/[\w-]+>")
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

    def test_what_is_told_is_on_the_disk_before_the_outbox_is_cleared(
        self, trace: list[str]
    ) -> None:
        (ended,) = places(trace, r'mkdir\w*\(.*"/ended"')
        (told,) = places(trace, r"f(data)?sync\(\d+</events\.jsonl>")
        named = places(trace, r"fsync\(\d+<>")
        cleared = places(trace, r"f(data)?sync\(\d+</atelier\.db-wal>")
        assert ended < told < min(place for place in cleared if place > ended)
        assert any(told < place < cleared[-1] for place in named)


PASSING = """
import os, sys
from pathlib import Path
from shared.embedded.system import embedded
from shared.settings import Settings
from tests.contract.worlds import NOW, job

system = embedded(Settings(data=Path(sys.argv[1]), disk_reserve=0), Path(sys.argv[1]))
queue = system.queue("standard-bulk")
queue.send("one", "ada")
queue.send("two", "ada")
letters = queue.receive(10, 60)
system.table.put(job("lasting"))
queue.extend(letters[0], 0)
queue.delete(*letters)
assert queue.receive(10, 60) == []
os._exit(0)
"""
LETTERS = "SELECT body, receives, visible_at > 0 AS held FROM letters ORDER BY body"


def synced_bytes(trace: str) -> int:
    """So much of the log was on the disk when power was lost."""
    written = synced = 0
    for line in trace.splitlines():
        if "atelier.db-wal" not in line:
            continue
        if match := re.search(r"pwrite64\(.*, (\d+), (\d+)\) = \d+", line):
            written = max(written, int(match[1]) + int(match[2]))
        elif re.search(r"f(data)?sync\(", line):
            synced = written
    return synced


def test_what_is_done_to_letters_lasts_with_the_next_write_and_no_sooner(tmp_path: Path) -> None:
    """The disk is not waited for: they come again after power loss, as they may any time."""
    strace, log, data = install("strace", "strace"), tmp_path / "trace", tmp_path / "data"
    calls = ["-e", "trace=pwrite64,fsync,fdatasync"]
    program = [sys.executable, "-c", PASSING, str(data)]
    traced = [strace, "-f", "-y", "-s", "0", *calls, "-o", str(log), *program]
    subprocess.run(traced, check=True, cwd=ROOT, timeout=60)
    os.truncate(data / "atelier.db-wal", synced_bytes(log.read_text()))
    (data / "atelier.db-shm").unlink()
    system = embedded(Settings(data=data, disk_reserve=0), data)
    assert isinstance(system.table, SqliteTable)
    assert system.table.get(JobRecord, "lasting")
    found = [tuple(row) for row in system.table.database.rows(LETTERS)]
    assert found == [("one", 1, True), ("two", 1, True)]


@pytest.fixture
def synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """The folders that were fsynced since it was last asked."""
    fsync = os.fsync
    seen: list[Path] = []

    def watched(descriptor: int) -> None:
        fsync(descriptor)
        seen.append(Path(f"/proc/self/fd/{descriptor}").readlink())

    def asked() -> list[str]:
        here = [str(path.relative_to(tmp_path)) for path in seen if path.is_dir()]
        seen.clear()
        return here

    monkeypatch.setattr(os, "fsync", watched)
    return asked


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells whose descriptor it is")
class TestFolders:
    def blobs(self, tmp_path: Path) -> FolderBlobs:
        return FolderBlobs(tmp_path / "artworks", "artworks", b"key", "http://127.0.0.1:8080")

    def test_are_each_fsynced_once_for_several_blobs(
        self, tmp_path: Path, synced: Callable[[], list[str]]
    ) -> None:
        blobs = self.blobs(tmp_path)
        blobs.put_all([Blob(f"ada/job-1/{name}", b"x", "image/png") for name in "abc"])
        assert synced() == ["artworks/ada/job-1", "artworks/ada", "artworks", "."]

    def test_that_are_known_to_last_are_left_alone(
        self, tmp_path: Path, synced: Callable[[], list[str]]
    ) -> None:
        blobs = self.blobs(tmp_path)
        blobs.put("ada/job-1/0.png", b"x", "image/png")
        synced()
        blobs.put("ada/job-2/0.png", b"x", "image/png")
        assert synced() == ["artworks/ada/job-2", "artworks/ada"]
        blobs.put("eve/job-3/0.png", b"x", "image/png")
        assert synced() == ["artworks/eve/job-3", "artworks/eve", "artworks"]

    def test_that_another_process_made_anew_are_not_known(
        self, tmp_path: Path, synced: Callable[[], list[str]]
    ) -> None:
        blobs, others = self.blobs(tmp_path), self.blobs(tmp_path)
        blobs.put("ada/job-1/0.png", b"x", "image/png")
        others.delete("ada/job-1/0.png")
        assert not (tmp_path / "artworks" / "ada").exists()
        (tmp_path / "artworks" / "ada" / "job-2").mkdir(parents=True)  # and not fsynced yet
        synced()
        blobs.put("ada/job-2/0.png", b"x", "image/png")
        assert synced() == ["artworks/ada/job-2", "artworks/ada", "artworks"]

    def test_are_fsynced_once_for_all_who_store_at_the_same_time(
        self, tmp_path: Path, synced: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What one of them may not store concerns nobody else."""
        monkeypatch.setattr(carrier, "CONVOYS", 1)
        blobs = self.blobs(tmp_path)
        (convoy,) = blobs._carrier._convoys
        keys = ["ada/job-1/0.png", "ada/job-1/0.png/below", "ada/job-2/0.png"]
        with ThreadPoolExecutor(len(keys)) as pool:
            with convoy._leading:
                puts = []
                for number, key in enumerate(keys, start=1):
                    puts.append(pool.submit(blobs.put, key, b"x", "image/png"))
                    wait_until(lambda number=number: len(convoy._waiting) == number)
            convoy._wake_next()
            with pytest.raises(Forbidden):
                puts[1].result(30)
        assert [blobs.get(key) for key in keys] == [b"x", None, b"x"]
        assert not any((blobs.folder / ".scratch").iterdir())
        *folders, above, bucket, data = synced()
        assert sorted(folders) == ["artworks/ada/job-1", "artworks/ada/job-2"]
        assert [above, bucket, data] == ["artworks/ada", "artworks", "."]


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
    announced = {entry.pk for entry in table.announcements(10_000)}
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
    Database(tmp_path).rows("PRAGMA user_version = 99")
    with pytest.raises(RuntimeError, match="newer Atelier"):
        Database(tmp_path)


def test_what_is_deleted_leaves_no_byte_behind(tmp_path: Path) -> None:
    system = embedded(Settings(data=tmp_path, disk_reserve=0), tmp_path)
    assert isinstance(system.table, SqliteTable)
    secrets = ["a long secret " * 500, "a short secret"]
    for number, secret in enumerate(secrets):
        stored = system.table.put(job(f"job-{number}", input={"text": secret}))
        system.table.put(job(f"other-{number}"))
        system.table.put(stored.model_copy(update={"input": {}}))
    system.table.put(stored := job("gone", input={"text": "a third secret"}))
    system.table.delete(stored)
    system.table.collect_garbage()
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("atelier.db*"))
    assert b"other-1" in kept
    assert b"secret" not in kept
    assert not any((tmp_path / "atelier.db-wal").read_bytes())


def test_however_much_has_expired_goes_a_little_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "AT_ONCE", 2)
    system = embedded(Settings(data=tmp_path, disk_reserve=0), tmp_path)
    assert isinstance(system.table, SqliteTable)
    for number in range(5):
        system.table.put(SeenRecord(event=str(number), job="1", expires_at=NOW))
    assert len(system.table.database.rows("SELECT pk FROM items")) == 5
    system.table.collect_garbage()
    assert system.table.database.rows("SELECT pk FROM items") == []


def test_a_reader_does_not_hold_up_the_emptying_of_the_log(tmp_path: Path) -> None:
    system = embedded(Settings(data=tmp_path, disk_reserve=0), tmp_path)
    assert isinstance(system.table, SqliteTable)
    system.table.put(job("one"))
    with contextlib.closing(sqlite3.connect(tmp_path / "atelier.db")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM items").fetchall()
        system.table.put(job("two"))
        system.table.collect_garbage()
        system.table.put(job("three"))
    system.table.collect_garbage()
    assert not any((tmp_path / "atelier.db-wal").read_bytes())
    assert {record.id for record in system.table.owned(JobRecord, "ada", None, 9)} == {
        "one",
        "two",
        "three",
    }


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no room is reserved")
def test_an_emptied_log_keeps_its_room_on_the_disk(tmp_path: Path) -> None:
    """No write makes it grow; and what is reserved is no part of it when it is read again."""
    system = embedded(Settings(data=tmp_path, disk_reserve=0), tmp_path)
    assert isinstance(system.table, SqliteTable)
    log = tmp_path / "atelier.db-wal"
    for number in range(3):
        system.table.put(job(f"job-{number}"))
        system.table.collect_garbage()
        assert log.stat().st_size == log_file.BYTES
    assert system.table.owned(JobRecord, "ada", None, 9) == after_power_loss(tmp_path)
    system.table.put(job("last"))
    assert log.stat().st_size == log_file.BYTES
    found = after_power_loss(tmp_path)
    assert [record.id for record in found] == ["last", "job-2", "job-1", "job-0"]


def after_power_loss(folder: Path) -> list[JobRecord]:
    """What is found in the files alone: what processes shared in memory is gone."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        for file in ("atelier.db", "atelier.db-wal"):
            shutil.copy(folder / file, name)
        check_whole(Path(name))
        table = embedded(Settings(data=Path(name), disk_reserve=0), Path(name)).table
        return table.owned(JobRecord, "ada", None, 9)


def test_a_log_that_nobody_used_is_not_emptied_again(tmp_path: Path) -> None:
    """An idle machine leaves its disk alone."""
    database = Database(tmp_path)
    log = tmp_path / "atelier.db-wal"
    database.empty_log()
    before = log.stat()
    database.empty_log()
    assert log.stat().st_ctime_ns == before.st_ctime_ns


def test_threads_that_come_and_go_leave_no_open_file(tmp_path: Path) -> None:
    """A worker's heart beats in a thread of its own for each job."""
    system = embedded(Settings(data=tmp_path, disk_reserve=0), tmp_path)

    def use() -> None:
        system.queue("standard-bulk").receive(1, 1, wait=0.01)

    for _ in range(40):
        thread = threading.Thread(target=use)
        thread.start()
        thread.join()
    gc.collect()
    open_here = [path for path in Path("/proc/self/fd").glob("*") if _leads(path, tmp_path)]
    assert len(open_here) < 10


COUNT = """WITH RECURSIVE numbers(n) AS (
    SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 200000) SELECT max(n) FROM numbers"""


def test_of_threads_that_read_at_the_same_time_not_all_connections_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST_IDLE", 3)
    database = Database(tmp_path)
    with ThreadPoolExecutor(12) as pool:
        for counted in [pool.submit(database.rows, COUNT) for _ in range(24)]:
            assert counted.result()[0][0] == 200_000
    assert 1 < len(database._passing._idle) <= 3


def _leads(link: Path, folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return str(link.readlink()).startswith(str(folder))
    return False
