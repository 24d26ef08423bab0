"""The one file that all processes of a machine share."""

import gc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.bootstrap import assemble
from shared.embedded.database import Database
from shared.embedded.queue import SqliteQueue
from shared.ports import Blob
from shared.settings import Settings

ROOT = Path(__file__).parents[2]
OPEN = """
import sys
from pathlib import Path
from shared.embedded.database import Database
for folder in sys.argv[1:]:
    print("ready", flush=True)
    sys.stdin.readline()
    Database(Path(folder)).rows("SELECT count(*) FROM items")
"""
PROCESSES, ROUNDS = 6, 20


def test_a_new_folder_is_opened_by_several_processes_at_once(tmp_path: Path) -> None:
    folders = [str(tmp_path / str(number)) for number in range(ROUNDS)]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, *folders],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    try:
        open_together(started, len(folders))
    finally:
        for process in started:
            process.kill()
            process.communicate()


def open_together(started: list[subprocess.Popen[str]], times: int) -> None:
    for _ in range(times):
        assert [line(process) for process in started] == ["ready\n"] * PROCESSES
        for process in started:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
    assert [process.wait(30) for process in started] == [0] * PROCESSES


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.fixture
def uncollected() -> Iterator[None]:
    """Nothing is found by the collector of garbage, as what is frozen never is."""
    gc.disable()
    yield
    gc.enable()


def open_in(folder: Path) -> list[Path]:
    files = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return [file for file in files if file.is_relative_to(folder)]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists a process's open files")
def test_a_system_that_nobody_uses_any_more_keeps_no_file_open(
    tmp_path: Path, uncollected: None
) -> None:
    system = assemble(Settings(data=tmp_path))
    system.lane("standard", "bulk").send("hello", "ada")
    assert system.lane("standard", "bulk").receive(1, 60, 0.01)
    system.artworks.put_all([Blob("ada/1/0.png", b"picture", "image/png")])
    assert open_in(tmp_path)
    del system
    assert open_in(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists a process's open files")
def test_a_database_that_was_closed_keeps_no_file_open_and_serves_on(tmp_path: Path) -> None:
    database = Database(tmp_path)
    queue = SqliteQueue(database, "q")
    queue.send("hello", "ada")
    database.close()
    assert open_in(tmp_path) == []
    assert [letter.body for letter in queue.receive(1, 60)] == ["hello"]
