"""Which dropped files have been taken, so that looking again is cheap.

Losing this costs nothing but time: `ingest` knows every event that it has taken. So nothing waits
for the disk, but the file is not damaged by power loss either.
"""

import sqlite3
from collections.abc import Iterable
from pathlib import Path


class Marks:
    """A small SQLite file: folder and name to sequencer. For one thread."""

    def __init__(self, path: Path) -> None:
        """Damaged, it is begun anew."""
        try:
            self._open(path)
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise
            self._db.close()
            for left in path.parent.glob(f"{path.name}*"):
                left.unlink()
            self._open(path)

    def _open(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.execute(
            """CREATE TABLE IF NOT EXISTS taken (
                   folder TEXT, name TEXT, sequencer TEXT, PRIMARY KEY (folder, name)
               ) WITHOUT ROWID"""
        )

    def folder(self, folder: str) -> dict[str, str]:
        """What was taken from one folder."""
        rows = self._db.execute("SELECT name, sequencer FROM taken WHERE folder = ?", (folder,))
        return dict(rows.fetchall())

    def get(self, folder: str, name: str) -> str | None:
        """The sequencer under which the file was taken."""
        row = self._db.execute(
            "SELECT sequencer FROM taken WHERE folder = ? AND name = ?", (folder, name)
        ).fetchone()
        return str(row[0]) if row else None

    def put(self, folder: str, name: str, sequencer: str) -> None:
        """The file is taken."""
        self._db.execute("REPLACE INTO taken VALUES (?, ?, ?)", (folder, name, sequencer))

    def forget(self, folder: str, names: Iterable[str]) -> None:
        """These files are gone."""
        self._db.executemany(
            "DELETE FROM taken WHERE folder = ? AND name = ?", [(folder, name) for name in names]
        )
