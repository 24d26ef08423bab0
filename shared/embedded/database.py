"""One SQLite file, shared by several processes, that survives power loss.

A commit is on the disk when it returns (`synchronous=FULL`). Writers queue on a file lock before
`BEGIN IMMEDIATE`: the lock is fair and wakes at once, SQLite's busy handler sleeps and gambles.
What is deleted is overwritten (`secure_delete`), and gone from the log too once that was emptied.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from shared.embedded.bell import Bell
from shared.embedded.clock import boot_id
from shared.embedded.faults import told
from shared.embedded.group import Group, Work, within
from shared.embedded.write_lock import WriteLock

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

WAL_BYTES = 16 * 2**20
BUSY_SECONDS = 4.0
"""Only strangers, such as a backup, are waited for: our own writers hold the lock."""
EMPTYING_SECONDS = 0.1

Parameters = Sequence[object] | Mapping[str, object]


class Own(threading.local):
    """What each thread has of its own."""

    lock: WriteLock
    owned: "Owned | None" = None
    rings: dict[Bell, set[str]] | None = None
    """The bells to ring once its transaction is committed, with subjects; None outside of one."""


class Owned:
    """One thread's connection: closed when the thread ends, not when its garbage is collected."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def __del__(self) -> None:
        with suppress(sqlite3.Error):
            self.connection.close()


class Database:
    """Connections to `atelier.db` in a folder, one for each thread.

    What SQLite or the disk refuse comes out as `Unavailable`; a connection serves on after that.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._own = Own()
        self._group = Group(self.alone)
        with told():
            folder.mkdir(parents=True, exist_ok=True)
        self._migrate()
        self._forget_last_boot()

    def read(self) -> sqlite3.Connection:
        """This thread's connection."""
        own = self._own
        if own.owned is None:
            own.lock = WriteLock(self.folder)
            with own.lock.held():
                own.owned = Owned(self._connect())
        return own.owned.connection

    def rows(self, sql: str, parameters: Parameters = ()) -> list[sqlite3.Row]:
        """A single read, whole: a snapshot of its own, let go at once."""
        with told():
            return self.read().execute(sql, parameters).fetchall()

    def write(self, work: Work[T]) -> T:
        """Run the work in a transaction that no other writer disturbs; durable when it returns.

        It may share the transaction with others, and be run by another thread: so no cursor may get
        out of it. Within a transaction of this thread it becomes a part of that.
        """
        if self._own.rings is None:
            return self._group.write(work)
        with told():
            return within(self.read(), work)

    def execute(self, sql: str, parameters: Parameters = ()) -> None:
        """A transaction of one statement."""

        def work(db: sqlite3.Connection) -> None:
            db.execute(sql, parameters)

        self.write(work)

    def together(self, work: Callable[[], T]) -> T:
        """`shared.ports.Together`"""
        return self.write(lambda _: work())

    def ring(self, bell: Bell, subject: str = "") -> None:
        """Ring when this thread's transaction is committed, once; at once outside of one."""
        if self._own.rings is None:
            bell.ring(subject)
        else:
            self._own.rings.setdefault(bell, set()).add(subject)

    @contextmanager
    def alone(self) -> Iterator[sqlite3.Connection]:
        """A transaction of this thread; durable when the block has ended."""
        rings: dict[Bell, set[str]] = {}
        with told():
            connection, own = self.read(), self._own
            with own.lock.held():
                connection.execute("BEGIN IMMEDIATE")
                own.rings = rings
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    self._undo(connection)
                    raise
                finally:
                    own.rings = None
        for bell, subjects in rings.items():
            bell.ring(*subjects)

    def empty_log(self) -> None:
        """Bring everything from the write-ahead log into the file, and leave the log empty. While
        somebody reads, what can be brought is."""
        with told():
            connection = self.read()
            with self._own.lock.held():
                self._patience(connection, EMPTYING_SECONDS)
                try:
                    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                finally:
                    self._patience(connection, BUSY_SECONDS)

    def _undo(self, connection: sqlite3.Connection) -> None:
        """A commit that failed leaves its transaction open. A connection that cannot even undo it
        is given up."""
        try:
            connection.rollback()
        except sqlite3.Error:
            self._own.owned = None

    def _connect(self) -> sqlite3.Connection:
        """Under the lock: the switch to WAL fails at once where another opens the file just then,
        whatever the timeout."""
        connection = sqlite3.connect(
            self.folder / "atelier.db", isolation_level=None, check_same_thread=False
        )
        try:
            self._patience(connection, BUSY_SECONDS)
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA temp_store = MEMORY")  # what a savepoint may have to undo
            connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _patience(self, connection: sqlite3.Connection, seconds: float) -> None:
        connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")

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
