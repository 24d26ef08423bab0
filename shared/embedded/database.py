"""One SQLite file, shared by several processes, that survives power loss.

A commit is on the disk when it returns (`synchronous=FULL`), but for the few that need not last:
those do not wait for the disk, which has them no later than the next that does. Writers queue on a
file lock before `BEGIN IMMEDIATE`: the lock is fair and wakes at once, SQLite's busy handler sleeps
and gambles. What is deleted is overwritten (`secure_delete`), and gone from the log too once that
was emptied.
"""

import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from shared.embedded.bell import Bell
from shared.embedded.clock import boot_id
from shared.embedded.connections import BUSY_SECONDS, Connection, Connections
from shared.embedded.faults import told
from shared.embedded.group import Group, Work, check, within
from shared.embedded.log_file import LogFile

T = TypeVar("T")

MIGRATIONS = [
    """
    CREATE TABLE items (
        pk TEXT NOT NULL, sk TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL,
        owner TEXT, batch TEXT, status TEXT, due_shard INTEGER, due_at REAL, expires_at REAL,
        PRIMARY KEY (pk, sk)) WITHOUT ROWID;
    CREATE INDEX items_by_owner ON items (owner, pk) WHERE owner IS NOT NULL;
    CREATE INDEX items_by_status ON items (owner, status, pk) WHERE owner IS NOT NULL;
    CREATE INDEX items_by_batch ON items (batch, pk) WHERE batch IS NOT NULL;
    CREATE INDEX items_by_due ON items (due_shard, due_at) WHERE due_at IS NOT NULL;
    CREATE INDEX items_by_expiry ON items (expires_at) WHERE expires_at IS NOT NULL;
    CREATE TABLE stream (seq INTEGER PRIMARY KEY AUTOINCREMENT, pk TEXT NOT NULL, sk TEXT NOT NULL);
    CREATE TABLE letters (
        id INTEGER PRIMARY KEY AUTOINCREMENT, queue TEXT NOT NULL, tenant TEXT NOT NULL,
        body TEXT NOT NULL, turn INTEGER NOT NULL, visible_at REAL NOT NULL,
        receives INTEGER NOT NULL DEFAULT 0, handle TEXT);
    CREATE INDEX letters_by_turn ON letters (queue, turn, id);
    CREATE INDEX letters_by_body ON letters (queue, body);
    CREATE TABLE turns (
        queue TEXT NOT NULL, tenant TEXT NOT NULL, turn INTEGER NOT NULL,
        PRIMARY KEY (queue, tenant)) WITHOUT ROWID;
    """,
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """
    DROP INDEX letters_by_turn;
    CREATE INDEX letters_ready ON letters (queue, turn, id) WHERE visible_at = 0;
    CREATE INDEX letters_held ON letters (queue, visible_at) WHERE visible_at > 0;
    """,
]
"""One script for each schema version; `PRAGMA user_version` says how many have run."""

EMPTYING_SECONDS = 0.1

Parameters = Sequence[object] | Mapping[str, object]


class Own(threading.local):
    """What each thread has of its own."""

    connection: Connection | None = None
    """That of its transaction."""
    rings: dict[Bell, set[str]]
    """The bells to ring once its transaction is committed, with subjects."""


class Transaction:
    """A transaction of one thread: committed when the block has ended, undone where it raises."""

    def __init__(self, own: Own, connections: Connections) -> None:
        self._own = own
        self._connections = connections
        self._connection: Connection

    def __enter__(self) -> Connection:
        with told():
            connection = self._connections.take()
            connection.lock.acquire()
            try:
                connection.execute("BEGIN IMMEDIATE")
            except BaseException:
                self._end(connection)
                raise
        self._connection = self._own.connection = connection
        self._own.rings = {}
        return connection

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        own = self._own
        connection = self._connection
        own.connection = None
        with told():
            try:
                if kind is None:
                    connection.execute("COMMIT")
            finally:
                self._end(connection)
        if kind is None:
            for bell, subjects in own.rings.items():
                bell.ring(*subjects)

    def _end(self, connection: Connection) -> None:
        """A commit that failed leaves its transaction open. A connection that cannot even undo it
        is given up."""
        if connection.in_transaction:
            with suppress(sqlite3.Error):
                connection.rollback()
        connection.lock.release()
        self._connections.give(connection)


class Database:
    """`atelier.db` in a folder.

    What SQLite or the disk refuse comes out as `Unavailable`; the database serves on after that.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._own = Own()
        self._lasting = Connections(folder, "FULL")
        self._passing = Connections(folder, "NORMAL")
        self._group = Group()
        self._log = LogFile(folder)
        with told():
            folder.mkdir(parents=True, exist_ok=True)
        self._migrate()
        self._forget_last_boot()

    def rows(self, sql: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
        """A single read, whole: a snapshot of its own, let go at once."""
        own = self._own.connection
        with told():
            if own:
                return own.execute(sql, parameters).fetchall()
            connection = self._passing.take()
            try:
                return connection.execute(sql, parameters).fetchall()
            finally:
                self._passing.give(connection)

    def write(self, work: Work[T], lasting: bool = True) -> T:
        """Run the work in a transaction that no other writer disturbs; durable when it returns.

        It may share the transaction with others, and be run by another thread: so no cursor may get
        out of it. Within a transaction of this thread it becomes a part of that, and is undone with
        it only: let it raise before it has written anything, or let nobody catch what it raises.

        What need not be `lasting` is seen by all at once and outlives any process, but the disk is
        not waited for: it lasts as soon as anything does that is written after it, and power loss
        before that undoes it.
        """
        own = self._own.connection
        if own:
            with told():
                check(own)
                return work(own)
        if lasting:
            return self._group.write(self.alone, work)
        with told(), Transaction(self._own, self._passing) as db:
            return work(db)

    def execute(self, sql: str, parameters: Parameters = (), lasting: bool = True) -> None:
        """A transaction of one statement."""

        def work(db: sqlite3.Connection) -> None:
            db.execute(sql, parameters)

        self.write(work, lasting)

    def together(self, work: Callable[[], T]) -> T:
        """`shared.ports.Together`; one within another is undone alone where it raises."""
        own = self._own.connection
        if own:
            with told():
                return within(own, lambda _: work())
        return self.write(lambda _: work())

    def ring(self, bell: Bell, subject: str = "") -> None:
        """Ring when this thread's transaction is committed, once; at once outside of one."""
        own = self._own
        if own.connection is None:
            bell.ring(subject)
        else:
            own.rings.setdefault(bell, set()).add(subject)

    def alone(self) -> Transaction:
        """A transaction of this thread; durable when the block has ended."""
        return Transaction(self._own, self._lasting)

    def close(self) -> None:
        """Keep no file open, as far as nobody uses it just now. It serves on where it is asked."""
        self._lasting.close()
        self._passing.close()

    def empty_log(self) -> None:
        """Bring everything from the write-ahead log into the file, and leave the log empty. While
        somebody reads, what can be brought is."""
        with told():
            connection = self._lasting.take()
            try:
                with connection.lock.held():
                    connection.be_patient(EMPTYING_SECONDS)
                    if not self._log.is_empty():
                        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                    self._log.reserve()
            finally:
                connection.be_patient(BUSY_SECONDS)
                self._lasting.give(connection)

    def _migrate(self) -> None:
        with self.alone() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > len(MIGRATIONS):
                raise RuntimeError(f"{self.folder} was written by a newer Atelier")
            for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
                for statement in script.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {number}")

    def _forget_last_boot(self) -> None:
        """The first in a new boot makes all letters visible: their times were of another clock."""
        known = {"name": "boot", "value": boot_id()}
        sql = "SELECT 1 FROM meta WHERE name = :name AND value = :value"
        if self.rows(sql, known):
            return
        with self.alone() as db:
            if not db.execute(sql, known).fetchone():
                db.execute("UPDATE letters SET visible_at = 0 WHERE visible_at > 0")
                db.execute("REPLACE INTO meta (name, value) VALUES (:name, :value)", known)
