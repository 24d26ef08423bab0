"""What a durable commit costs on this disk."""

import sqlite3
import time
from pathlib import Path


class Disk:
    """SQLite as the embedded table uses it (WAL, `synchronous=FULL`), one small row a commit."""

    def __init__(self, folder: Path) -> None:
        self._db = sqlite3.connect(folder / "disk.db", isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, body TEXT)")

    def commit(self) -> float:
        """Seconds."""
        start = time.perf_counter()
        self._db.execute("BEGIN IMMEDIATE")
        self._db.execute("INSERT INTO rows (body) VALUES (?)", ("x" * 500,))
        self._db.execute("COMMIT")
        return time.perf_counter() - start

    def close(self) -> None:
        self._db.close()
