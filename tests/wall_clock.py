"""A wall clock that can be put wrong: libfaketime, the same shift for every process that has it."""

import os
from pathlib import Path

from tests.debian import install
from tests.startup import startup

PLACES = ("/usr/lib/{}-linux-gnu/faketime", "/usr/lib64/faketime")
LIBRARY = "libfaketimeMT.so.1"


class WallClock:
    """What `time.time()` says in the processes that have this environment; the monotonic clock
    stays right, as it does on a machine whose clock is set."""

    def __init__(self, setting: Path) -> None:
        self._setting = setting
        self.shift(0)

    def environment(self) -> dict[str, str]:
        return {
            **startup(),
            "LD_PRELOAD": library(),
            "FAKETIME_TIMESTAMP_FILE": str(self._setting),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # else threads that wait for each other spin
        }

    def shift(self, seconds: float) -> None:
        """Takes effect within two seconds. A half-written setting is never seen."""
        fresh = self._setting.with_suffix(".new")
        fresh.write_text(f"{seconds:+.1f}")
        fresh.replace(self._setting)

    @staticmethod
    def clean(pid: int) -> None:
        """Remove what libfaketime leaves of a process that was killed."""
        for name in (f"faketime_shm_{pid}", f"sem.faketime_sem_{pid}"):
            Path("/dev/shm", name).unlink(missing_ok=True)


def library() -> str:
    """Where libfaketime lies; root on Debian installs it where it is missing."""
    places = [Path(place.format(os.uname().machine), LIBRARY) for place in PLACES]
    return install("faketime", next((path for path in places if path.exists()), places[0]))
