"""Wake-ups between processes: a named pipe for each waiter, rung after a commit.

A lost ring costs a waiter one second at most: nothing relies on being woken.
"""

import errno
import os
import select
import threading
from itertools import count
from pathlib import Path

FALLBACK_SECONDS = 1.0

_numbers = count()


class Bell:
    """One named bell in a data folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / "bells" / name
        self._local = threading.local()

    def ring(self) -> None:
        """Wake everybody who waits. Pipes of the dead are removed."""
        try:
            pipes = list(self.folder.iterdir())
        except FileNotFoundError:
            return
        for pipe in pipes:
            if not pipe.name.startswith("."):  # that one is only just being made
                self._poke(pipe)

    def wait(self, seconds: float) -> None:
        """Return at the next ring, or one since the last wait, or after `seconds` (1 at most)."""
        pipe = self._pipe()
        poll = select.poll()  # `select` cannot watch a descriptor above 1023
        poll.register(pipe, select.POLLIN)
        if poll.poll(1000 * max(0.0, min(seconds, FALLBACK_SECONDS))):
            os.read(pipe, 4096)

    def listen(self) -> None:
        """Count rings from now on: call before looking for work, then `wait` misses none."""
        self._pipe()

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

    def _pipe(self) -> int:
        if not hasattr(self._local, "pipe"):
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / f"{os.getpid()}-{next(_numbers)}"
            path.unlink(missing_ok=True)
            hidden = path.with_name(f".{path.name}")
            hidden.unlink(missing_ok=True)
            os.mkfifo(hidden, 0o600)
            self._local.pipe = os.open(hidden, os.O_RDWR | os.O_NONBLOCK)
            hidden.rename(path)
        pipe: int = self._local.pipe
        return pipe
