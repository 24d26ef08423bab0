"""The file of the write-ahead log, which lies on the disk in full even while nothing is in it.

Where a file grows its new size must last, too, and the disk is written once more. So a commit to a
new log takes half as long again as one to a log whose room is used another time.
"""

import os
from contextlib import suppress
from pathlib import Path

BYTES = 2**22
"""At about this size SQLite brings the log into the database and begins it anew."""
MAGIC_BYTES = 4


class LogFile:
    """`atelier.db-wal` in a folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "atelier.db-wal"

    def is_empty(self) -> bool:
        """Whether nothing was written since it was emptied: what is reserved are zeros."""
        try:
            with self._path.open("rb") as file:
                return not any(file.read(MAGIC_BYTES))
        except FileNotFoundError:
            return True

    def reserve(self) -> None:
        """Take its room on the disk, where there is as much."""
        if not hasattr(os, "posix_fallocate"):  # macOS
            return
        with suppress(OSError), self._path.open("rb+") as file:
            if os.fstat(file.fileno()).st_size < BYTES:
                os.posix_fallocate(file.fileno(), 0, BYTES)
