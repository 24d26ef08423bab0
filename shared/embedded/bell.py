"""Wake-ups between processes: a named pipe for each waiter, rung after a commit.

A lost ring costs a waiter one second at most: nothing relies on being woken. So a disk that refuses
a pipe is no failure, and neither is one that cannot be rung.
"""

import errno
import os
import select
import threading
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

FALLBACK_SECONDS = 1.0
MARK_BYTES = 8
READ_BYTES = 4096  # whole marks
TICK_NANOSECONDS = 50_000_000
"""Longer than the clock of any file system takes to go on."""

_numbers = count()


class Pipe:
    """One thread's ear: a pipe whose name says what it is for, and which goes when the thread
    does."""

    def __init__(self, folder: Path, subject: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._owner = f"{os.getpid()}-{next(_numbers)}"
        self._path = folder / _named(subject, self._owner)
        self._path.unlink(missing_ok=True)
        hidden = self._path.with_name(f".{self._path.name}")
        hidden.unlink(missing_ok=True)
        os.mkfifo(hidden, 0o600)
        self._descriptor = os.open(hidden, os.O_RDWR | os.O_NONBLOCK)
        hidden.rename(self._path)

    def __del__(self) -> None:
        with suppress(AttributeError, OSError):
            os.close(self._descriptor)
            self._path.unlink()

    def turn_to(self, subject: str) -> None:
        """From now on it hears of this subject."""
        path = self._path.with_name(_named(subject, self._owner))
        if path != self._path:
            self._path = self._path.rename(path)

    def wait(self, seconds: float) -> bool:
        """Until there are rings; they count as heard. Says whether there were any."""
        poll = select.poll()  # `select` cannot watch a descriptor above 1023
        poll.register(self._descriptor, select.POLLIN)
        rung = bool(poll.poll(1000 * seconds))
        if rung:
            os.read(self._descriptor, READ_BYTES)
        return rung


class Listing(NamedTuple):
    """The names in a folder, and the time of its last change where that can be relied on."""

    stamp: int | None
    names: list[str]


class Bell:
    """One named bell in a data folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / "bells" / name
        self._known = Listing(None, [])
        self._local = threading.local()

    def ring(self, *subjects: str) -> None:
        """Wake everybody who waits for one of these subjects. Pipes of the dead are removed."""
        marks = {marked(subject) for subject in subjects or ("",)}
        with suppress(OSError):
            for name in self._names():
                if name[:MARK_BYTES] in marks:
                    self._poke(f"{self.folder}/{name}", name[:MARK_BYTES])

    def wait(self, seconds: float, subject: str = "") -> bool:
        """Return at the next ring, or one since the last wait, or after `seconds` (1 at most). Says
        whether it was rung."""
        seconds = max(0.0, min(seconds, FALLBACK_SECONDS))
        pipe = self._pipe(subject)
        if pipe:
            return pipe.wait(seconds)
        time.sleep(seconds)
        return False

    def listen(self) -> None:
        """Count rings from now on: call before looking for work, then `wait` misses none."""
        self._pipe("")

    def _names(self) -> list[str]:
        """Of all pipes. They are listed anew when the folder has changed; also where it did so a
        moment ago, as a second change within one tick of its clock would leave no trace."""
        changed, known = self.folder.stat().st_mtime_ns, self._known
        if known.stamp == changed:
            return known.names
        names = os.listdir(self.folder)  # noqa: PTH208
        settled = time.time_ns() - changed > TICK_NANOSECONDS
        self._known = Listing(changed if settled else None, names)
        return names

    def _poke(self, path: str, mark: str) -> None:
        try:
            pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno == errno.ENXIO:
                Path(path).unlink(missing_ok=True)
            return
        try:
            os.write(pipe, mark.encode())
        except BlockingIOError:
            pass  # full of rings already
        finally:
            os.close(pipe)

    def _pipe(self, subject: str) -> Pipe | None:
        pipe: Pipe | None = getattr(self._local, "pipe", None)
        with suppress(OSError):
            if pipe is None:
                pipe = self._local.pipe = Pipe(self.folder, subject)
            pipe.turn_to(subject)
        return pipe


def marked(subject: str) -> str:
    """What a ring for this subject writes, and the names of its pipes begin with."""
    return f"{crc32(subject.encode()):08x}"


def _named(subject: str, owner: str) -> str:
    return f"{marked(subject)}.{owner}"
