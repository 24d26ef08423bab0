"""One SQLite file, shared by several processes, that survives power loss.

A commit is on the disk when it returns (`synchronous=FULL`). Writers queue on a file lock before
`BEGIN IMMEDIATE`: the lock is fair and wakes at once, SQLite's busy handler sleeps and gambles.
"""

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
]
"""One script for each schema version; `PRAGMA user_version` says how many have run."""

WAL_BYTES = 16 * 2**20


class Database:
    """Connections to `atelier.db` in a folder, one for each thread."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._local = threading.local()
        self._migrate()

    def read(self) -> sqlite3.Connection:
        """This thread's connection: for single reads, each a snapshot of its own."""
        if not hasattr(self._local, "connection"):
            self._local.lock = os.open(self.folder / "write.lock", os.O_RDWR | os.O_CREAT, 0o600)
            with self._locked():
                self._local.connection = self._connect()
        connection: sqlite3.Connection = self._local.connection
        return connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that no other writer disturbs; durable when the block has ended."""
        connection = self.read()
        with self._locked():
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        fcntl.flock(self._local.lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._local.lock, fcntl.LOCK_UN)

    def _connect(self) -> sqlite3.Connection:
        """Under the lock: the switch to WAL fails at once where another opens the file just then,
        whatever the timeout."""
        connection = sqlite3.connect(self.folder / "atelier.db", isolation_level=None, timeout=30)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
        return connection

    def _migrate(self) -> None:
        with self.write() as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > len(MIGRATIONS):
                raise RuntimeError(f"{self.folder} was written by a newer Atelier")
            for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
                for statement in script.split(";"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {number}")
