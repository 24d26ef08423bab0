"""A disk that is full or fails: every adapter says so in our own words, and serves on."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from shared.embedded.bell import Bell
from shared.embedded.faults import told
from shared.embedded.system import embedded
from shared.embedded.table import SqliteTable
from shared.embedded.topic import FileTopic
from shared.errors import Unavailable
from shared.records import JobRecord
from shared.settings import Settings
from shared.system import System
from tests.contract.test_topic import ENDED
from tests.contract.worlds import job
from tests.debian import install
from tests.small_disk import SmallDisk, mounted

ROOT = Path(__file__).parents[2]
MEBIBYTES = 4
WRITE_UNTIL_REFUSED = """
import sys
from pathlib import Path
from shared.embedded.system import embedded
from shared.errors import Unavailable
from shared.settings import Settings
from tests.contract.worlds import job

folder = Path(sys.argv[1])
system = embedded(Settings(data=folder, disk_reserve=0), folder)
codes = []
for number in range(30):
    for write in (
        lambda: system.table.put(job(f"job-{number}")),
        lambda: system.artworks.put(f"ada/{number}", b"x", "image/png"),
    ):
        try:
            write()
        except Unavailable as error:
            codes.append(error.code)
print(*codes)
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with mounted(tmp_path / "disk", MEBIBYTES) as disk:
        yield disk


@pytest.fixture
def system(disk: SmallDisk) -> System:
    return embedded(Settings(data=disk.folder, disk_reserve=0), disk.folder)


def refused(write: Callable[[], object]) -> str:
    with pytest.raises(Unavailable) as failed:
        write()
    return failed.value.code


def fail_to_write(system: System, big: bytes) -> list[str]:
    """What each adapter says that cannot write; a row of SQLite's may find room in its log."""
    return [
        refused(lambda: system.table.put(job("big", metadata={"big": big.decode()}))),
        refused(lambda: system.queue("standard-bulk").send(big.decode(), "ada")),
        refused(lambda: system.artworks.put("ada/job/0", big, "image/png")),
        refused(lambda: [system.topic.publish({f"{n}": ENDED}) for n in range(100)]),
    ]


def test_a_full_disk_is_told_and_all_goes_on_when_there_is_room(
    system: System, disk: SmallDisk
) -> None:
    before = system.table.put(job("before"))
    system.topic.publish({"event": ENDED})
    big = b"x" * 2**21
    with disk.filled():
        assert fail_to_write(system, big) == ["disk_full"] * 4
        assert system.table.get(JobRecord, "before") == before
        assert system.artworks.get("ada/job/0") is None
        assert system.queue("standard-bulk").depth() == 0
    system.table.put(before.model_copy(update={"seed": 2}))
    system.queue("standard-bulk").send("after", "ada")
    system.artworks.put("ada/job/0", b"x", "image/png")
    assert [letter.body for letter in system.queue("standard-bulk").receive(10, 60)] == ["after"]
    assert not list((disk.folder / "artworks" / ".scratch").iterdir())


def test_a_thread_that_comes_to_a_full_disk_is_served_when_there_is_room(
    system: System, disk: SmallDisk
) -> None:
    """Its connection, or its pipe, could not even be made."""
    done: list[object] = []

    def use() -> None:
        try:
            done.append(system.queue("standard-bulk").receive(1, 1, wait=0.01))
        except Unavailable as error:
            done.append(error.code)

    with disk.filled():
        start(use)
    start(use)
    assert done[-1] == []


def start(use: Callable[[], None]) -> None:
    thread = Thread(target=use)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()


def test_a_bell_whose_pipes_the_disk_refuses_is_merely_not_heard(tmp_path: Path) -> None:
    (tmp_path / "bells").touch()
    bell = Bell(tmp_path, "test")
    bell.listen()
    bell.ring()
    bell.wait(0.01)


def test_a_line_that_was_cut_short_spoils_no_other(disk: SmallDisk) -> None:
    topic = FileTopic(disk.folder)
    topic.publish({"first": ENDED})
    with disk.filled():
        assert refused(lambda: [topic.publish({f"{n}": ENDED}) for n in range(100)]) == "disk_full"
    whole = topic.path.read_bytes()
    assert whole.endswith(b"\n")
    topic.path.write_bytes(whole + b'{"id":"torn by power lo')
    topic.publish({"last": ENDED})
    first, *full, torn, last = topic.path.read_text().splitlines()
    assert torn == '{"id":"torn by power lo'
    assert json.loads(first)["id"] == "first"
    assert all(json.loads(line) for line in full)
    assert json.loads(last)["id"] == "last"


def test_a_failed_commit_leaves_the_connection_usable(tmp_path: Path) -> None:
    """Here a constraint fails it, which SQLite checks no sooner than in `COMMIT`."""
    system = embedded(Settings(data=tmp_path, disk_reserve=0), tmp_path)
    assert isinstance(system.table, SqliteTable)
    database = system.table.database
    with database.alone() as db:
        db.execute("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
        db.execute(
            """CREATE TABLE children (
                   parent REFERENCES parents DEFERRABLE INITIALLY DEFERRED)"""
        )
    connection = database._lasting.take()
    connection.execute("PRAGMA foreign_keys = ON")
    database._lasting.give(connection)
    with pytest.raises(Exception, match="FOREIGN KEY"), database.alone() as db:
        db.execute("INSERT INTO children VALUES (1)")
    assert not connection.in_transaction
    assert database._lasting.take() is connection
    assert database.rows("SELECT * FROM children") == []
    system.table.put(job())


@pytest.mark.parametrize("call", ["fdatasync", "pwrite64", "ftruncate"])
def test_a_disk_that_fails_is_told(tmp_path: Path, call: str) -> None:
    strace = install("strace", "strace")
    program = [sys.executable, "-c", WRITE_UNTIL_REFUSED, str(tmp_path / "data")]
    failing = [strace, "-f", "-o", str(tmp_path / "trace"), "-e", f"trace={call},fsync"]
    inject = ["-e", f"inject={call},fsync:error=EIO:when=60+3"]
    ended = subprocess.run(
        [*failing, *inject, *program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert set(ended.stdout.split()) <= {"disk_failed"}
    assert ended.stdout.split() or call == "ftruncate"


def test_wrong_sql_is_no_fault_of_the_disk(tmp_path: Path) -> None:
    system = embedded(Settings(data=tmp_path, disk_reserve=0), tmp_path)
    assert isinstance(system.table, SqliteTable)
    with pytest.raises(Exception, match="syntax"):
        system.table.database.rows("SELEKT")
    with pytest.raises(TimeoutError), told():
        raise TimeoutError


def test_artworks_leave_room_for_the_database(disk: SmallDisk) -> None:
    """And uploads for the artworks."""
    system = embedded(Settings(data=disk.folder, disk_reserve=2 * MEBIBYTES), disk.folder)
    assert refused(lambda: system.inbox.put("uploads/ada/1", b"x", "image/png")) == "disk_full"
    assert refused(lambda: system.artworks.put("ada/job/0", b"x", "image/png")) == "disk_full"
    system.table.put(job())
    roomy = embedded(Settings(data=disk.folder, disk_reserve=MEBIBYTES), disk.folder)
    assert refused(lambda: roomy.inbox.put("uploads/ada/1", b"x", "image/png")) == "disk_full"
    roomy.artworks.put("ada/job/0", b"x", "image/png")
