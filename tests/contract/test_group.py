"""Group commit: one transaction for all threads that write at the same time."""

import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from shared.embedded import connections as module
from shared.embedded.bell import Bell, marked
from shared.embedded.database import Database
from shared.embedded.ear import Ear
from shared.embedded.group import MOST, Group
from shared.embedded.system import embedded
from shared.errors import Unavailable
from shared.settings import Settings
from tests.contract.worlds import job
from tests.machine import wait_until

THREADS = 8
TIMES = 60
SECONDS = 60
"""Longer than anything here takes."""


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(tmp_path)
    with database.alone() as db:
        db.execute("CREATE TABLE notes (text TEXT)")
        db.execute("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
        db.execute(
            """CREATE TABLE children (
                   parent REFERENCES parents DEFERRABLE INITIALLY DEFERRED)"""
        )
    return database


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(THREADS) as pool:
        yield pool


def note(text: str) -> Callable[[sqlite3.Connection], None]:
    def write(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO notes VALUES (?)", (text,))

    return write


def notes(database: Database) -> list[str]:
    return sorted(row["text"] for row in database.rows("SELECT text FROM notes"))


def enforce_foreign_keys(database: Database) -> None:
    """By the connection that leaders use."""
    connection = database._lasting.take()
    connection.execute("PRAGMA foreign_keys = ON")
    database._lasting.give(connection)


class Crowd:
    """A leader that is held within its transaction until others have come."""

    def __init__(self, database: Database, pool: ThreadPoolExecutor) -> None:
        self.commits = 0
        self.strict = False
        self.committed: Callable[[], None] = lambda: None
        self.group = Group()
        self.database, self.pool = database, pool

    @contextmanager
    def _counted(self) -> Iterator[sqlite3.Connection]:
        if self.strict:
            enforce_foreign_keys(self.database)
        with self.database.alone() as db:
            yield db
        self.commits += 1
        self.committed()

    def put(self, work: Callable[[sqlite3.Connection], object]) -> object:
        return self.group.write(self._counted, work)

    def write(self, *works: Callable[[sqlite3.Connection], object]) -> list[Future[object]]:
        """All of these in one transaction, in this order."""
        return self.write_after(lambda _: None, *works)

    def write_after(
        self,
        first: Callable[[sqlite3.Connection], object],
        *works: Callable[[sqlite3.Connection], object],
    ) -> list[Future[object]]:
        """The first begins the transaction."""
        begun, come = threading.Event(), threading.Event()

        def lead(db: sqlite3.Connection) -> None:
            begun.set()
            assert come.wait(SECONDS)
            first(db)

        leading = self.pool.submit(self.put, lead)
        assert begun.wait(SECONDS)
        written = []
        for number, work in enumerate(works, start=1):
            written.append(self.pool.submit(self.put, work))
            wait_until(lambda number=number: len(self.group._waiting) == number)
        come.set()
        return [leading, *written]


@pytest.fixture
def crowd(database: Database, pool: ThreadPoolExecutor) -> Crowd:
    return Crowd(database, pool)


def test_all_who_come_share_one_commit(crowd: Crowd, database: Database) -> None:
    for future in crowd.write(note("a"), note("b"), note("c")):
        future.result(SECONDS)
    assert crowd.commits == 1
    assert notes(database) == ["a", "b", "c"]


def test_each_has_the_answer_of_its_own_work(crowd: Crowd) -> None:
    _, one, two = crowd.write(lambda _: 1, lambda _: 2)
    assert (one.result(SECONDS), two.result(SECONDS)) == (1, 2)


def test_what_fails_undoes_its_own_part_only(crowd: Crowd, database: Database) -> None:
    def fail(db: sqlite3.Connection) -> None:
        note("undone")(db)
        raise LookupError("mine")

    leading, good, bad, last = crowd.write(note("good"), fail, note("last"))
    for future in (leading, good, last):
        future.result(SECONDS)
    with pytest.raises(LookupError, match="mine"):
        bad.result(SECONDS)
    assert notes(database) == ["good", "last"]


def test_what_fails_first_undoes_its_own_part_only(crowd: Crowd, database: Database) -> None:
    def fail(db: sqlite3.Connection) -> None:
        note("undone")(db)
        raise LookupError("mine")

    bad, *good = crowd.write_after(fail, note("one"), note("two"))
    for future in good:
        future.result(SECONDS)
    with pytest.raises(LookupError, match="mine"):
        bad.result(SECONDS)
    assert notes(database) == ["one", "two"]
    assert crowd.commits == 1


def test_a_commit_that_fails_fails_all_of_them(crowd: Crowd, database: Database) -> None:
    """One that lost its race against what was then not written has not lost it, either."""

    def lose(_: sqlite3.Connection) -> None:
        raise LookupError

    def orphan(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO children VALUES (1)")

    crowd.strict = True
    for future in crowd.write(note("a"), lose, orphan):
        with pytest.raises(Unavailable, match="nothing was written"):
            future.result(SECONDS)
    assert notes(database) == []
    crowd.put(note("after"))
    assert notes(database) == ["after"]


def test_a_transaction_that_sqlite_gives_up_fails_all_who_were_in_it(
    crowd: Crowd, database: Database
) -> None:
    def give_up(db: sqlite3.Connection) -> None:
        db.rollback()

    *lost, after = crowd.write(note("before"), give_up, note("after"))
    for future in lost:
        with pytest.raises(Unavailable):
            future.result(SECONDS)
    after.result(SECONDS)
    assert notes(database) == ["after"]


def test_a_transaction_that_cannot_begin_fails_all_of_them(
    database: Database, pool: ThreadPoolExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUSY_SECONDS", 0.5)
    with closing(sqlite3.connect(tmp_path / "atelier.db", isolation_level=None)) as stranger:
        stranger.execute("BEGIN IMMEDIATE")
        written = [pool.submit(database.write, note(str(n))) for n in range(THREADS)]
        for future in written:
            with pytest.raises(Unavailable) as failed:
                future.result(SECONDS)
            assert failed.value.code == "database_busy"
        stranger.execute("ROLLBACK")
    assert pool.submit(database.write, note("after")).result(SECONDS) is None
    assert notes(database) == ["after"]


def test_a_thread_that_is_interrupted_while_it_waits_writes_nothing(
    crowd: Crowd, database: Database
) -> None:
    """And those who wait behind it go on."""
    interrupted = threading.Event()

    class Interrupt(BaseException):
        pass

    def handle(*_: object) -> None:
        interrupted.set()
        raise Interrupt

    def lead(_: sqlite3.Connection) -> None:
        begun.set()
        assert interrupted.wait(SECONDS)

    begun = threading.Event()
    before = signal.signal(signal.SIGALRM, handle)
    leading = crowd.pool.submit(crowd.put, lead)
    assert begun.wait(SECONDS)
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(Interrupt):
            crowd.put(note("interrupted"))
    finally:
        signal.signal(signal.SIGALRM, before)
    leading.result(SECONDS)
    crowd.put(note("after"))
    assert notes(database) == ["after"]


def test_who_comes_during_the_commit_leads_the_next(crowd: Crowd, database: Database) -> None:
    come = threading.Event()

    def linger() -> None:
        if not come.is_set():
            come.set()
            wait_until(lambda: crowd.group._waiting)

    crowd.committed = linger
    first = crowd.pool.submit(crowd.put, note("first"))
    assert come.wait(SECONDS)
    crowd.pool.submit(crowd.put, note("second")).result(SECONDS)
    first.result(SECONDS)
    assert notes(database) == ["first", "second"]
    assert crowd.commits == 2


def test_no_wake_up_is_lost(database: Database, pool: ThreadPoolExecutor, tmp_path: Path) -> None:
    """Among threads, with another database of the same folder, and with transactions alone."""
    other = Database(tmp_path)

    def write(thread: int) -> None:
        mine = other if thread % 3 == 0 else database
        for number in range(TIMES):
            text = f"{thread}-{number}"
            if number % 10:
                mine.write(note(text))
            else:
                with mine.alone() as db:
                    note(text)(db)
            assert mine.rows("SELECT 1 FROM notes WHERE text = ?", (text,))

    for future in [pool.submit(write, thread) for thread in range(THREADS)]:
        future.result(SECONDS)
    assert len(set(notes(database))) == THREADS * TIMES


def test_no_cursor_gets_out_to_another_thread(database: Database) -> None:
    """Thrown away there, it would end what this one is about to use again."""
    with pytest.raises(TypeError, match="cursor"):
        database.write(lambda db: db.execute("INSERT INTO notes VALUES ('a')"))
    assert notes(database) == []


def test_every_kind_of_write_may_be_led_by_another_thread(
    pool: ThreadPoolExecutor, tmp_path: Path
) -> None:
    """What one thread gets back, and throws away, is nothing that another one works with."""
    system = embedded(Settings(data=tmp_path, disk_reserve=0), tmp_path)
    queue = system.queue("standard-bulk")

    def use(thread: int) -> None:
        for number in range(TIMES):
            stored = system.table.put(job(f"job-{thread}-{number}"))
            system.table.delete(system.table.put(stored))
            queue.send("look", "ada")
            letters = queue.receive(10, 60)
            for letter in letters:
                queue.extend(letter, 60)
            queue.delete(*letters)

    for future in [pool.submit(use, thread) for thread in range(THREADS)]:
        future.result(SECONDS)
    assert queue.receive(10, 60) == []


def test_more_than_one_transaction_holds(crowd: Crowd, database: Database) -> None:
    with ThreadPoolExecutor(MOST + 20) as crowd.pool:
        for future in crowd.write(*[note(str(number)) for number in range(MOST + 10)]):
            future.result(SECONDS)
    assert crowd.commits == 2
    assert len(notes(database)) == MOST + 10


def test_bells_ring_once_and_after_the_commit(database: Database, tmp_path: Path) -> None:
    bell = Bell(tmp_path, "test")
    ear = Ear(bell)
    ear.turn_to(marked("subject"))

    def work(db: sqlite3.Connection) -> set[str]:
        for _ in range(3):
            database.ring(bell, "subject")
        note("a")(db)
        return ear.heard()

    assert database.write(work) == set()
    assert ear.heard() == {marked("subject")}


def test_bells_do_not_ring_for_what_was_not_written(database: Database, tmp_path: Path) -> None:
    bell = Bell(tmp_path, "test")
    ear = Ear(bell)
    ear.turn_to(marked(""))

    def work(_: sqlite3.Connection) -> None:
        database.ring(bell)
        raise LookupError

    with pytest.raises(LookupError), database.alone() as db:
        work(db)
    assert ear.heard() == set()
    database.ring(bell)
    assert ear.heard() == {marked("")}
