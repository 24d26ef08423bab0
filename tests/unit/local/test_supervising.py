"""The lock, the children, the lifeline, and what a machine's settings come to."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from local import child as child_module
from local.child import Child, Program
from local.lock import FolderInUse, FolderLock
from local.machine import NotAllowed, Options, configure, describe_models, is_loopback, listen
from local.supervisor import StartFailed, Supervisor, describe, tail, turn_over
from local.watchdog import Watchdog
from shared.bootstrap import assemble
from shared.keys import create_key, revoke_key
from shared.settings import Settings, settings
from tests.machine import wait_until

READY_THEN_SLEEP = "import os, time; os.write(1, b'ready\\n'); time.sleep(60)"
LIFELINE = """
import sys, time
from shared import lifeline
lifeline.hold(lambda: sys.__stdout__.write('lost\\n') and sys.__stdout__.flush())
print('up', flush=True)
time.sleep(float(sys.argv[1]))
"""


def silent(_: str) -> None:
    """Says nothing."""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(
        name="front",
        command=(sys.executable, "-c", READY_THEN_SLEEP),
        environment=dict(os.environ),
        log=tmp_path / "front.log",
        tells_ready=True,
        patience=2.0,
    )


# The lock


def test_second_supervisor_is_refused_by_name(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path, silent)

    with pytest.raises(FolderInUse, match=f"process {os.getpid()}"):
        FolderLock(tmp_path, silent)

    lock.release()
    FolderLock(tmp_path, silent).release()


def test_leftovers_are_waited_for(tmp_path: Path) -> None:
    leftover = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(leftover, fcntl.LOCK_EX)
    os.write(leftover, str(os.getpid()).encode())
    said: list[str] = []
    threading.Timer(0.3, os.close, [leftover]).start()

    FolderLock(tmp_path, said.append, patience=5).release()

    assert len(said) == 1
    assert str(os.getpid()) in said[0]


def test_leftovers_that_stay_are_named(tmp_path: Path) -> None:
    """And whoever looks is not killed, though a child that has died had the same number."""
    leftover = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(leftover, fcntl.LOCK_EX)
    os.write(leftover, str(os.getpid()).encode())

    with pytest.raises(FolderInUse, match=str(os.getpid())):
        FolderLock(tmp_path, silent, patience=0.2)
    os.close(leftover)


# A child


def test_child_that_dies_young_is_started_later_and_later(program: Program) -> None:
    child = Child(program, started=100.0)

    waits = [child.plan_restart(101.0) - 101.0 for _ in range(9)]

    assert waits[:4] == [0.25, 0.5, 1.0, 2.0]
    assert waits[-1] == child_module.LAST_BACKOFF


def test_child_that_lived_is_started_at_once(program: Program) -> None:
    child = Child(program, started=100.0, failures=5)

    assert child.plan_restart(200.0) == 200.0


def test_childs_own_children_are_killed_with_it(program: Program, tmp_path: Path) -> None:
    code = "import subprocess, sys; print(subprocess.Popen(['sleep', '60']).pid, flush=True)"
    parent = Child(replace(program, command=(sys.executable, "-c", code), tells_ready=False))
    parent.start(0.0)

    wait_until(lambda: parent.ended() is not None)

    grandchild = int(program.log.read_text())
    wait_until(lambda: not alive(grandchild))


# The supervisor


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[..., Supervisor]]:
    lock = FolderLock(tmp_path, silent)
    listening = socket.create_server(("127.0.0.1", 0))
    yield lambda *programs: Supervisor(
        list(programs), "pump", lock, Watchdog(tmp_path), silent, listening
    )
    listening.close()
    lock.release()


def test_supervisor_restarts_and_ends(
    program: Program, supervise: Callable[..., Supervisor], tmp_path: Path
) -> None:
    supervisor = supervise(program, replace(program, name="pump"))
    pids: list[int] = []

    def watch() -> None:
        pids.extend(map(int, (tmp_path / "lock").read_text().split()))
        os.kill(pids[0], signal.SIGKILL)
        wait_until(lambda: len(now := current()) == 2 and pids[0] not in now)
        pids.extend(current())
        supervisor.stop()

    def current() -> list[int]:
        return list(map(int, (tmp_path / "lock").read_text().split()))

    supervisor.run(lambda: threading.Thread(target=watch).start())

    assert len(set(pids)) == 3
    assert not any(map(alive, pids))


def test_child_that_ignores_the_end_is_killed(
    program: Program, supervise: Callable[..., Supervisor]
) -> None:
    stubborn = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + READY_THEN_SLEEP
    slow = replace(program, command=(sys.executable, "-c", stubborn), patience=0.3)
    supervisor = supervise(slow)
    begun = time.monotonic()

    supervisor.run(supervisor.stop)

    assert time.monotonic() - begun < 10


def test_start_that_fails_shows_the_log(
    program: Program, supervise: Callable[..., Supervisor]
) -> None:
    broken = replace(program, command=(sys.executable, "-c", "raise SystemExit('no such luck')"))

    with pytest.raises(StartFailed, match="no such luck"):
        supervise(broken).run(lambda: None)


def test_child_that_cannot_be_started_yet_is_started_later(
    program: Program, supervise: Callable[..., Supervisor]
) -> None:
    """Its log cannot be opened at first, as on a full disk."""
    folder = program.log.parent / "logs"
    late = replace(program, log=folder / "front.log")
    supervisor = supervise(late)
    threading.Timer(0.5, folder.mkdir).start()

    supervisor.run(supervisor.stop)

    assert late.log.exists()


def test_log_that_cannot_be_kept_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.supervisor.LOG_BYTES", 3)
    log = tmp_path / "a.log"
    log.write_text("first")
    (tmp_path / "a.log.1").symlink_to(tmp_path / "nowhere" / "at-all")

    turn_over(log)

    assert log.read_text() == ""


def test_ends_in_words() -> None:
    assert describe(1) == "ended with status 1"
    assert describe(-9) == "was ended by SIGKILL"


def test_large_logs_are_turned_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.supervisor.LOG_BYTES", 3)
    log = tmp_path / "a.log"
    with log.open("a") as file:
        file.write("first")
        file.flush()
        turn_over(log)
        file.write("second")

    assert log.read_text() == "second"
    assert (tmp_path / "a.log.1").read_text() == "first"
    assert tail(log) == "second"


# The lifeline


def lifeline(stdin: int, seconds: float) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", LIFELINE, str(seconds)],
        stdin=stdin,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_lost_supervisor_is_noticed() -> None:
    with lifeline(subprocess.PIPE, 2) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        process.stdin.close()
        assert process.stdout.readline() == "lost\n"
        process.kill()


def test_without_a_supervisor_nothing_happens() -> None:
    with lifeline(subprocess.DEVNULL, 0.2) as process:
        assert process.stdout
        assert process.stdout.read() == "up\n"


def test_hard_end_follows() -> None:
    code = (
        "import signal, time; from shared import lifeline;"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "lifeline.hold(lifeline.end_within(0.1)); time.sleep(30)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        assert process.stdin
        process.stdin.close()
        assert process.wait(10) == 1


# Settings


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        *((host, True) for host in ("127.0.0.1", "localhost", "::1", "[::1]", "127.9.9.9")),
        *((host, False) for host in ("0.0.0.0", "192.168.1.2", "::", "studio.lan")),
    ],
)
def test_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


def test_loopback_needs_no_key(tmp_path: Path) -> None:
    chosen = configure(Options(tmp_path), tmp_path, 8123)

    assert chosen.keys_required is False
    assert chosen.public_url == "http://127.0.0.1:8123"
    assert chosen.data == tmp_path


def test_a_public_url_says_how_it_is_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATELIER_PUBLIC_URL", "art.example")
    settings.cache_clear()

    with pytest.raises(NotAllowed, match="https://"):
        configure(Options(tmp_path), tmp_path, 8123)


def test_other_addresses_need_a_good_key(tmp_path: Path) -> None:
    options = Options(tmp_path, host="0.0.0.0")
    table = assemble(Settings(data=tmp_path)).table
    with pytest.raises(NotAllowed, match="keys create"):
        configure(options, tmp_path, 80)
    now = assemble(Settings(data=tmp_path)).now()
    key, _ = create_key(table, "studio", "phone", now)

    assert configure(options, tmp_path, 80).keys_required is True

    revoke_key(table, key.id, now)
    with pytest.raises(NotAllowed):
        configure(options, tmp_path, 80)


def test_public_name_needs_a_key_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATELIER_PUBLIC_URL", "https://art.example")
    settings.cache_clear()

    with pytest.raises(NotAllowed):
        configure(Options(tmp_path), tmp_path, 80)


def test_taken_port_is_told() -> None:
    with listen("127.0.0.1", 0) as first, pytest.raises(NotAllowed, match="--port"):
        listen("127.0.0.1", first.getsockname()[1])


def test_a_port_that_cannot_be_is_told() -> None:
    with pytest.raises(NotAllowed, match="--port"):
        listen("127.0.0.1", 99999)


def test_own_models_come_into_the_catalogue(chosen: Settings, tmp_path: Path) -> None:
    described = describe_models(chosen, tmp_path)

    assert described.catalogue
    assert "plain" in assemble(described).catalogue().cards


def test_own_models_that_do_not_load_are_told(chosen: Settings, tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match="no_such_module"):
        describe_models(chosen.model_copy(update={"models": ("no_such_module",)}), tmp_path)


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
