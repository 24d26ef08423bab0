"""One ear for many subjects of a bell: a pipe that has a name, a hard link, for each of them."""

import os
from contextlib import suppress
from itertools import count

from shared.embedded.bell import MARK_BYTES, READ_BYTES, Bell
from shared.embedded.recovery import runs

_numbers = count()


class Ear:
    """Hears which subjects are rung, and never waits: `descriptor` is readable when some were.

    It knows them by their marks. As everywhere a ring may be lost, and a disk that refuses a name
    is no failure.
    """

    def __init__(self, bell: Bell) -> None:
        bell.folder.mkdir(parents=True, exist_ok=True)
        for left in bell.folder.glob(".*-ear*"):
            if not runs(int(left.name[1:].partition("-")[0])):
                left.unlink(missing_ok=True)
        self._folder = bell.folder
        self._owner = f"{os.getpid()}-ear{next(_numbers)}"
        self._pipe = self._folder / f".{self._owner}"
        self._pipe.unlink(missing_ok=True)
        os.mkfifo(self._pipe, 0o600)
        self.descriptor = os.open(self._pipe, os.O_RDWR | os.O_NONBLOCK)

    def __del__(self) -> None:
        with suppress(AttributeError, OSError):
            os.close(self.descriptor)
            self._pipe.unlink()

    def turn_to(self, mark: str) -> None:
        """From now on it hears of these, too."""
        with suppress(OSError):
            os.link(self._pipe, self._folder / f"{mark}.{self._owner}")

    def turn_from(self, mark: str) -> None:
        """It need not hear of these any more."""
        with suppress(OSError):
            (self._folder / f"{mark}.{self._owner}").unlink()

    def heard(self) -> set[str]:
        """What was rung since the last time."""
        try:
            rings = os.read(self.descriptor, READ_BYTES).decode()
        except BlockingIOError:
            return set()
        return {rings[first : first + MARK_BYTES] for first in range(0, len(rings), MARK_BYTES)}
