"""The promises of `shared.ports.Together`."""

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.embedded.system import embedded
from shared.errors import WriteConflict
from shared.records import JobRecord
from shared.settings import Settings
from shared.system import System
from tests.contract.worlds import World, job

ROOT = Path(__file__).parents[2]
KILLED_WITHIN = """
import os, signal, sys
from pathlib import Path
from shared.embedded.system import embedded
from shared.settings import Settings
from tests.contract.worlds import job

folder = Path(sys.argv[1])
system = embedded(Settings(data=folder, disk_reserve=0), folder)

def work():
    system.table.put(job("first"))
    system.queue("standard-bulk").send("first", "ada")
    os.kill(os.getpid(), signal.SIGKILL)

system.together(work)
"""


def ids(system: System) -> list[str]:
    return [record.id for record in system.table.owned(JobRecord, "ada", None, 10)]


class TestWritesTogether:
    def test_are_all_there_and_the_answer_is_theirs(self, world: World) -> None:
        def work() -> JobRecord:
            stored = world.table.put(job())
            world.queue.send("look", "ada")
            return world.table.put(stored.model_copy(update={"attempt": 1}))

        written = world.system.together(work)
        assert written.version == 2
        assert world.table.get(JobRecord, "job-1") == written
        assert [letter.body for letter in world.queue.receive(1, 60, wait=1)] == ["look"]

    def test_see_each_other(self, world: World) -> None:
        def work() -> JobRecord | None:
            world.table.put(job())
            return world.table.get(JobRecord, "job-1")

        assert world.system.together(work) == job(version=1)

    def test_go_on_after_one_that_lost_its_race(self, world: World) -> None:
        world.table.put(job("taken"))

        def work() -> None:
            world.table.put(job("first"))
            with pytest.raises(WriteConflict):
                world.table.put(job("taken", announce=True))
            world.table.put(job("last"))

        world.system.together(work)
        assert ids(world.system) == ["taken", "last", "first"]
        assert world.announced() == []

    def test_may_be_a_part_of_others(self, world: World) -> None:
        def work() -> None:
            world.table.put(job("outer"))
            world.system.together(lambda: world.table.put(job("inner")))

        world.system.together(work)
        assert ids(world.system) == ["outer", "inner"]

    def test_wake_who_waits(self, world: World) -> None:
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(world.queue.receive, 1, 60, 5)
            world.system.together(lambda: world.queue.send("look", "ada"))
            assert [letter.body for letter in waiting.result()] == ["look"]

    def test_tell_what_went_wrong(self, world: World) -> None:
        def work() -> None:
            world.table.put(job("first"))
            raise LookupError("nothing of ours")

        with pytest.raises(LookupError):
            world.system.together(work)
        there = [] if world.kind == "embedded" else ["first"]
        assert ids(world.system) == there


@pytest.fixture
def system(tmp_path: Path) -> System:
    return embedded(Settings(data=tmp_path, disk_reserve=0), tmp_path)


class TestOnOneMachine:
    """All or nothing."""

    def test_nobody_sees_a_part_of_them(self, system: System) -> None:
        with ThreadPoolExecutor(1) as another:
            assert another.submit(ids, system).result() == []  # it is connected now

            def work() -> list[str]:
                system.table.put(job("first"))
                return another.submit(ids, system).result(30)

            assert system.together(work) == []
        assert ids(system) == ["first"]

    def test_a_part_that_fails_leaves_the_rest(self, system: System) -> None:
        def part() -> None:
            system.table.put(job("part"))
            raise LookupError

        def work() -> None:
            system.table.put(job("first"))
            with pytest.raises(LookupError):
                system.together(part)
            system.table.put(job("last"))

        system.together(work)
        assert ids(system) == ["last", "first"]

    def test_a_process_that_is_killed_within_leaves_none_of_them(
        self, system: System, tmp_path: Path
    ) -> None:
        killed = subprocess.run([sys.executable, "-c", KILLED_WITHIN, str(tmp_path)], cwd=ROOT)
        assert killed.returncode == -signal.SIGKILL
        assert ids(system) == []
        assert system.queue("standard-bulk").depth() == 0
