"""Who holds up all others: a process that is stopped, or hangs, within a transaction.

It is seen by looking at the note on the write lock, which never waits. Looks are counted, not
seconds: a supervisor that slept itself would take a transaction of this moment for an old one.
"""

import time
from pathlib import Path

from shared.embedded.write_lock import Holder, holder

LOOK_SECONDS = 1.0
STOPPED_LOOKS = 5
HUNG_LOOKS = 30
"""A process that is not stopped may only wait for a slow disk."""


class Watchdog:
    """Looks about once a second."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: Holder | None = None
        self._looks = 0
        self.next_look = time.monotonic()

    def look(self, now: float) -> int | None:
        """The process that holds up the others, if it is time to look and there is one."""
        if now < self.next_look:
            return None
        self.next_look = now + LOOK_SECONDS
        found = holder(self._folder)
        self._looks = self._looks + 1 if found == self._seen else 1
        self._seen = found
        if found is None or self._looks < STOPPED_LOOKS:
            return None
        return found.pid if self._looks >= HUNG_LOOKS or is_stopped(found.pid) else None


def is_stopped(pid: int) -> bool:
    """Whether it was told to stop; never, where the system does not say."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "Tt"
    except OSError:
        return False
