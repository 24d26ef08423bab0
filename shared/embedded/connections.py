"""Connections to the one database file, lent to whoever needs one for a moment.

What was given back last is lent first: it has the statements prepared and the pages at hand.
"""

import sqlite3
from contextlib import suppress
from pathlib import Path

from shared.embedded.write_lock import WriteLock

WAL_BYTES = 16 * 2**20
BUSY_SECONDS = 4.0
"""Only strangers, such as a backup, are waited for: our own writers hold the lock."""
MOST_IDLE = 32
"""Connections that are kept open though nobody uses them: as many as threads may well read at the
same time, since to open one costs as much as a hundred reads."""


class Connection(sqlite3.Connection):
    """A connection, and its hand on the lock that every writer takes."""

    lock: WriteLock

    def be_patient(self, seconds: float) -> None:
        """Wait so long for strangers."""
        self.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")

    def leave(self) -> None:
        """Close it now: it is in a reference cycle of its own, which is collected any time."""
        with suppress(sqlite3.Error):
            self.close()


class Connections:
    """Those of one process to `atelier.db` in a folder, all with the same care for the disk."""

    def __init__(self, folder: Path, synchronous: str) -> None:
        self._folder = folder
        self._synchronous = synchronous
        self._idle: list[Connection] = []

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close those that nobody uses just now."""
        with suppress(IndexError):
            while True:
                self._idle.pop().leave()

    def take(self) -> Connection:
        """The caller's own until it is given back."""
        with suppress(IndexError):
            return self._idle.pop()
        return self._connect()

    def give(self, connection: Connection) -> None:
        """One that could not end its transaction is given up."""
        if len(self._idle) < MOST_IDLE and not connection.in_transaction:
            self._idle.append(connection)
        else:
            connection.leave()

    def _connect(self) -> Connection:
        """Under the lock: the switch to WAL fails at once where another opens the file just then,
        whatever the timeout."""
        lock = WriteLock(self._folder)
        with lock.held():
            connection = sqlite3.connect(
                self._folder / "atelier.db",
                isolation_level=None,
                check_same_thread=False,
                factory=Connection,
            )
            connection.lock = lock
            try:
                self._prepare(connection)
            except BaseException:
                connection.leave()
                raise
        return connection

    def _prepare(self, connection: Connection) -> None:
        connection.be_patient(BUSY_SECONDS)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("PRAGMA temp_store = MEMORY")  # what a savepoint may have to undo
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
