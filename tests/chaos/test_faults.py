"""The fault layer does what it says, in processes that know nothing of it."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.bootstrap import assemble
from shared.contract import Status
from shared.records import JobRecord, KeyRecord
from shared.settings import Settings, environment
from shared.system import System
from tests.chaos.faults import chance
from tests.chaos.faults.chance import Chance
from tests.chaos.faults.control import Faults
from tests.scenes import put_job
from tests.startup import startup

ROOT = Path(__file__).parents[2]
CALLS = 60
GIVE_UP_SECONDS = 60

BEGINNING = f"""
import json, sys
from datetime import UTC, datetime
from itertools import count
from shared.bootstrap import connect
from shared.contract import Event
from shared.errors import Unavailable
from shared.records import KeyRecord
system = connect()
if "tests.chaos.faults.injector" in sys.modules:
    quick = sys.modules["tests.chaos.faults.injector"]
    quick.SLOW_SECONDS, quick.LATE_SECONDS = (0.001, 0.002), (0.05, 0.3)

def fails(call, *given):
    try:
        call(*given)
    except Unavailable:
        return True
    return False

def put_key(n):
    now = datetime.now(UTC)
    system.table.put(KeyRecord(id="k", digest=str(n), tenant="t", name="n", created_at=now))

def write_upload(n):
    with system.inbox.writer(f"uploads/t/{{n}}") as file:
        file.write(b"x")

def put_artwork(n):
    system.artworks.put(f"t/{{n}}", b"x", "text/plain")

def send(n):
    system.queue("q").send(str(n), "t")

def publish(n):
    now = datetime.now(UTC)
    system.topic.publish({{f"evt_{{n}}": Event(type="job.succeeded", timestamp=now, data={{}})}})

CALLS = {CALLS}
"""
"""What every script begins with."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def faults(tmp_path: Path) -> Faults:
    return Faults(tmp_path / "faults", seed=1)


@pytest.fixture
def system(data: Path) -> System:
    """The same system, seen from a process without faults."""
    return assemble(Settings(data=data))


def start(script: str, data: Path, more: dict[str, str]) -> subprocess.Popen[str]:
    chosen = environment(Settings(data=data, disk_reserve=0)) | more
    command = [sys.executable, "-c", BEGINNING + script]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=chosen, stdout=pipe, stderr=pipe, text=True)


def run(script: str, data: Path, more: dict[str, str]) -> Any:
    """What the script prints, as JSON. It runs in a process of its own."""
    with start(script, data, more) as process:
        told, complaint = process.communicate(timeout=GIVE_UP_SECONDS)
    assert process.returncode == 0, complaint
    return json.loads(told)


def wait_for(happened: Callable[[], bool]) -> None:
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while not happened():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def received(system: System) -> list[str]:
    """Every letter of the queue, however late."""
    letters = []
    while found := system.queue("q").receive(10, 60, wait=1.5):
        letters += [letter.body for letter in found]
    return letters


def keys_written(system: System, _: Path) -> int:
    return len(system.table.owned(KeyRecord, "#keys", None, 1000))


def letters_sent(system: System, _: Path) -> int:
    return len(received(system))


EFFECTS: dict[str, Callable[[System, Path], int]] = {
    "put_key": keys_written,
    "put_artwork": lambda system, _: len(list(system.artworks.keys("t/"))),
    "write_upload": lambda system, _: len(list(system.inbox.keys("uploads/t/"))),
    "send": letters_sent,
    "publish": lambda _, data: len((data / "events.jsonl").read_text().splitlines()),
}


@pytest.mark.parametrize("call", EFFECTS)
def test_a_refused_call_has_no_effect_and_an_unanswered_one_has(
    call: str, data: Path, faults: Faults, system: System
) -> None:
    faults.rate(1)
    failed = run(
        f"print(json.dumps([fails({call}, n) for n in range(CALLS)]))", data, faults.environment()
    )
    kinds = faults.by_kind()
    assert faults.count() == kinds.total() == CALLS
    assert min(kinds["refused"], kinds["unanswered"], kinds["slow"]) > 0
    assert sum(failed) == kinds["refused"] + kinds["unanswered"]
    assert EFFECTS[call](system, data) == CALLS - kinds["refused"] + kinds["doubled"]


def test_a_late_message_comes_after_those_that_were_sent_after_it(
    data: Path, faults: Faults, system: System
) -> None:
    faults.rate(0.5, "late")
    script = """
quick.LATE_SECONDS = (600, 600)
print(json.dumps([fails(send, n) for n in range(CALLS)]))
"""
    assert not any(run(script, data, faults.environment()))
    early = received(system)
    assert 0 < len(early) < CALLS
    assert faults.by_kind() == {"late": CALLS - len(early)}


def test_a_letter_that_was_received_is_received_again(
    data: Path, faults: Faults, system: System
) -> None:
    for n in range(CALLS):
        system.queue("q").send(str(n), "t")
    faults.rate(1)
    script = """
bodies = []
def receive(_):
    bodies.extend(letter.body for letter in system.queue("q").receive(1, 1.0))
for n in range(CALLS):
    fails(receive, n)
print(json.dumps(bodies))
"""
    bodies = run(script, data, faults.environment())
    assert faults.by_kind()["redelivered"] > 0
    assert len(bodies) > len(set(bodies))
    assert set(received(system)) == {str(n) for n in range(CALLS)}


def test_without_a_rate_nothing_happens(data: Path, faults: Faults, system: System) -> None:
    script = "print(json.dumps([fails(put_key, n) for n in range(CALLS)]))"
    assert not any(run(script, data, faults.environment()))
    assert faults.count() == 0
    assert [write.pk for write in faults.journal()] == [f"key#{n}" for n in range(CALLS)]


def test_the_rate_can_change_at_any_time(data: Path, faults: Faults) -> None:
    script = "print(next(n for n in count() if fails(put_key, n)))"
    with start(script, data, faults.environment()) as process:
        wait_for(lambda: any(faults.journal()))
        assert process.poll() is None
        faults.rate(0.5)
        told, complaint = process.communicate(timeout=GIVE_UP_SECONDS)
    assert int(told) > 0, complaint
    assert faults.count() > 0


def test_the_journal_loses_nothing_to_a_kill(data: Path, faults: Faults, system: System) -> None:
    script = """
from threading import Thread
numbers = count()
def put_on():
    while True:
        put_key(next(numbers))
for _ in range(4):
    Thread(target=put_on).start()
"""
    with start(script, data, faults.environment()) as process:
        wait_for(lambda: sum(1 for _ in faults.journal()) > 200)
        process.kill()
    told = {write.pk for write in faults.journal()}
    there = {record.pk for record in system.table.owned(KeyRecord, "#keys", None, 100_000)}
    assert told <= there
    assert len(there - told) <= 4  # each thread may have been between its write and its line


def test_the_journal_says_what_became_of_a_job(data: Path, faults: Faults, system: System) -> None:
    job = put_job(system)
    script = f"""
from shared import lifecycle
from shared.records import JobRecord
job = system.table.get(JobRecord, "{job.id}")
job = lifecycle.apply(system.table, job, lambda job: lifecycle.start(job, "me", system.now(), 3))
lifecycle.apply(system.table, job, lambda job: lifecycle.cancel(job, system.now()))
system.table.delete(job)
print(1)
"""
    run(script, data, faults.environment())
    taken, canceled, deleted = faults.journal()
    assert (taken.act, taken.kind, taken.pk, taken.sk) == ("put", "job", job.id, "job")
    assert [taken.version, canceled.version] == [job.version + 1, job.version + 2]
    assert taken.job
    assert canceled.job
    assert (taken.job.status, taken.job.attempt, taken.job.holder) == (Status.RUNNING, 1, "me")
    assert not taken.job.cancel_requested
    assert canceled.job.cancel_requested
    assert (deleted.act, deleted.pk) == ("delete", job.id)
    assert system.table.get(JobRecord, job.id) is None


def test_the_ports_keep_their_classes(data: Path, faults: Faults) -> None:
    script = """
from shared.embedded.blobs import FolderBlobs
from shared.embedded.table import SqliteTable
ports = [(system.table, SqliteTable), (system.inbox, FolderBlobs), (system.artworks, FolderBlobs)]
print(json.dumps([isinstance(port, kind) for port, kind in ports]))
"""
    assert run(script, data, faults.environment()) == [True, True, True]


def test_a_process_that_is_not_told_is_untouched(data: Path) -> None:
    script = """
patched = vars(system.table).keys() & {"get", "put"}
print(json.dumps([bool(patched), any(name.startswith("tests") for name in sys.modules)]))
"""
    assert run(script, data, startup()) == [False, False]


def test_a_process_that_is_not_ours_loads_nothing(faults: Faults) -> None:
    script = "import sys; print('sitecustomize' in sys.modules, len(sys.modules))"
    command = [sys.executable, "-c", script]
    told = subprocess.check_output(command, env=faults.environment(), text=True)
    woken, loaded = told.split()
    assert woken == "True"
    assert int(loaded) < 100


def test_only_the_kinds_that_are_named(data: Path, faults: Faults, system: System) -> None:
    faults.rate(1, "doubled")
    failed = run(
        "print(json.dumps([fails(put_key, 1), fails(send, 1)]))", data, faults.environment()
    )
    assert failed == [False, False]
    assert faults.by_kind() == {"doubled": 1}
    assert len(received(system)) == 2


def test_a_fatal_call_takes_effect_and_ends_its_process_where_it_is_named(
    data: Path, faults: Faults, system: System
) -> None:
    script = """
from shared.ports import Blob
for n in range(CALLS):
    fails(system.artworks.put_all, [Blob(f"t/{n}", b"x", "text/plain")])
"""
    faults.rate(1, "fatal")
    with start(script, data, faults.environment()) as process:
        process.communicate(timeout=GIVE_UP_SECONDS)
    assert process.returncode == -signal.SIGKILL
    assert list(system.artworks.keys("t/")) == ["t/0"]
    assert faults.by_kind() == {"fatal": 1}
    faults.rate(1)
    with start(script, data, faults.environment()) as process:
        process.communicate(timeout=GIVE_UP_SECONDS)
    assert process.returncode == 0


def test_every_mutant_finds_what_it_breaks(data: Path, faults: Faults) -> None:
    script = """
from tests.chaos.faults.mutants import MUTANTS
for broken in MUTANTS.values():
    broken()
print(len(MUTANTS))
"""
    assert run(script, data, faults.environment()) >= 10


def test_the_dice_are_seeded(tmp_path: Path) -> None:
    file = tmp_path / chance.FILE
    chance.write(file, chance.Rate(share=0.3))
    one, same, other = Chance(file, 1), Chance(file, 1), Chance(file, 2)
    kinds = ("refused", "slow")
    throws = [[dice.strike(kinds) for _ in range(200)] for dice in (one, same, other)]
    assert throws[0] == throws[1] != throws[2]
    assert 30 < sum(kind is not None for kind in throws[0]) < 90
