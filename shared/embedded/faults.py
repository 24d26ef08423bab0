"""What SQLite and the disk refuse, in our own words: `Unavailable`, worth another try."""

import errno
import sqlite3

from shared.errors import Unavailable

SQLITE_CODES = {
    sqlite3.SQLITE_FULL: "disk_full",
    sqlite3.SQLITE_IOERR: "disk_failed",
    sqlite3.SQLITE_CANTOPEN: "disk_failed",
    sqlite3.SQLITE_READONLY: "disk_failed",
    sqlite3.SQLITE_CORRUPT: "database_damaged",
    sqlite3.SQLITE_NOTADB: "database_damaged",
    sqlite3.SQLITE_BUSY: "database_busy",
    sqlite3.SQLITE_LOCKED: "database_busy",
    sqlite3.SQLITE_PROTOCOL: "database_busy",
}
NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
PRIMARY = 0xFF
"""The part of SQLite's extended result codes that says what kind it is."""


class Telling:
    """A block in which what the disk or the database refuses is told as `Unavailable`.

    Mistakes of ours, such as wrong SQL, stay what they are, and so does an `OSError` that is not
    the system's (`TimeoutError` is one too).
    """

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, sqlite3.DatabaseError):
            code = SQLITE_CODES.get(getattr(error, "sqlite_errorcode", 0) & PRIMARY)
            if code:
                raise Unavailable(f"the database refuses: {error}", code=code) from error
        elif isinstance(error, OSError) and error.errno is not None:
            code = "disk_full" if error.errno in NO_ROOM else "disk_failed"
            raise Unavailable(f"the disk refuses: {error.strerror}", code=code) from error


_telling = Telling()


def told() -> Telling:
    """`with told():`"""
    return _telling
