"""Who holds up all others, and who only is busy."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.watchdog import HUNG_LOOKS, STOPPED_LOOKS, Watchdog, is_stopped
from shared.embedded.database import Database
from shared.embedded.write_lock import holder
from tests.machine import wait_until

ROOT = Path(__file__).parents[3]
WRITER = """
import sys
from pathlib import Path
from shared.embedded.database import Database

database = Database(Path(sys.argv[1]))
with database.alone():
    print("within", flush=True)
    sys.stdin.readline()
print("over", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def writer(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process within a transaction, until it is told to go on."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "within\n"
        yield process
        process.kill()


def looks(watchdog: Watchdog, count: int) -> list[int | None]:
    return [watchdog.look(watchdog.next_look) for _ in range(count)]


def test_a_holder_is_known_for_as_long_as_it_holds(
    writer: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    found = holder(tmp_path)
    assert found
    assert found.pid == writer.pid
    assert writer.stdin
    assert writer.stdout
    writer.stdin.write("\n")
    writer.stdin.flush()
    assert writer.stdout.readline() == "over\n"
    assert holder(tmp_path) is None
    assert looks(Watchdog(tmp_path), HUNG_LOOKS + 1) == [None] * (HUNG_LOOKS + 1)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it is only seen to hang")
def test_a_stopped_holder_is_found_and_its_end_frees_the_others(
    writer: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    writer.send_signal(signal.SIGSTOP)
    wait_until(lambda: is_stopped(writer.pid))
    assert looks(Watchdog(tmp_path), STOPPED_LOOKS) == [None] * (STOPPED_LOOKS - 1) + [writer.pid]
    writer.kill()
    with Database(tmp_path).alone() as db:
        db.execute("SELECT 1")


def test_one_that_hangs_is_given_longer(writer: "subprocess.Popen[str]", tmp_path: Path) -> None:
    """It may only wait for the disk."""
    found = looks(Watchdog(tmp_path), HUNG_LOOKS)
    assert found == [None] * (HUNG_LOOKS - 1) + [writer.pid]


def test_one_that_writes_again_and_again_is_not_stuck(tmp_path: Path) -> None:
    watchdog, database = Watchdog(tmp_path), Database(tmp_path)
    for _ in range(2 * HUNG_LOOKS):
        with database.alone():
            found = holder(tmp_path)
            assert found
            assert found.pid == os.getpid()
            assert looks(watchdog, 1) == [None]


def test_it_looks_no_more_often_than_it_should(
    writer: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    """However often the supervisor wakes: looks are what is counted."""
    watchdog = Watchdog(tmp_path)
    moment = watchdog.next_look
    assert [watchdog.look(moment) for _ in range(2 * HUNG_LOOKS)] == [None] * 2 * HUNG_LOOKS
