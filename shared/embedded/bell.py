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
from zlib import crc32

FALLBACK_SECONDS = 1.0

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

    def wait(self, seconds: float) -> None:
        """Until there are rings; they count as heard."""
        poll = select.poll()  # `select` cannot watch a descriptor above 1023
        poll.register(self._descriptor, select.POLLIN)
        if poll.poll(1000 * seconds):
            os.read(self._descriptor, 4096)


class Bell:
    """One named bell in a data folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / "bells" / name
        self._local = threading.local()

    def ring(self, subject: str = "") -> None:
        """Wake everybody who waits for this subject. Pipes of the dead are removed."""
        with suppress(OSError):
            for pipe in list(self.folder.iterdir()):
                if pipe.name.startswith(_named(subject, "")):
                    self._poke(pipe)

    def wait(self, seconds: float, subject: str = "") -> None:
        """Return at the next ring, or one since the last wait, or after `seconds` (1 at most)."""
        seconds = max(0.0, min(seconds, FALLBACK_SECONDS))
        pipe = self._pipe(subject)
        if pipe:
            pipe.wait(seconds)
        else:
            time.sleep(seconds)

    def listen(self) -> None:
        """Count rings from now on: call before looking for work, then `wait` misses none."""
        self._pipe("")

    def _poke(self, path: Path) -> None:
        try:
            pipe = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno == errno.ENXIO:
                path.unlink(missing_ok=True)
            return
        try:
            os.write(pipe, b"!")
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


def _named(subject: str, owner: str) -> str:
    return f"{crc32(subject.encode()):08x}.{owner}"
