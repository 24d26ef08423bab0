"""The one file that all processes of a machine share."""

import subprocess
import sys
from pathlib import Path

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
