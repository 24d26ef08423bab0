"""The lock that every writer takes before its transaction, and the note of who holds it.

A process that is stopped or hangs within a transaction holds up every other. So the holder writes
down its process id and a number that is new for each transaction, and strikes both out again: who
reads the same note again and again looks at one and the same transaction.
"""

import fcntl
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple

NAME = "write.lock"
NOTE = struct.Struct("<QQ")

_serials = count(1)


class Holder(NamedTuple):
    """A process within one transaction."""

    pid: int
    serial: int


class WriteLock:
    """One hand on the lock of a data folder. The lock is fair, and wakes at once."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o600)

    def __del__(self) -> None:
        with suppress(AttributeError):
            os.close(self._file)

    def acquire(self) -> None:
        """Wait for the lock, and hold it."""
        fcntl.flock(self._file, fcntl.LOCK_EX)
        self._note(os.getpid(), next(_serials))

    def release(self) -> None:
        """Let go of it."""
        self._note(0, 0)
        fcntl.flock(self._file, fcntl.LOCK_UN)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it for the length of the block."""
        self.acquire()
        try:
            yield
        finally:
            self.release()

    def _note(self, pid: int, serial: int) -> None:
        with suppress(OSError):  # a full disk: nobody is watched then
            os.pwrite(self._file, NOTE.pack(pid, serial), 0)


def holder(folder: Path) -> Holder | None:
    """Who holds the lock of this folder, as far as is known. Never waits."""
    try:
        noted = (folder / NAME).read_bytes()
    except OSError:
        return None
    found = Holder(*NOTE.unpack(noted)) if len(noted) == NOTE.size else Holder(0, 0)
    return found if found.pid else None
