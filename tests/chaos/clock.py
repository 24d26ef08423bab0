"""The wall clock of a system, to be put wrong: libfaketime, the same shift for every process."""

import os
import subprocess
from functools import cache
from pathlib import Path

PLACES = ("/usr/lib/{}/faketime/libfaketimeMT.so.1", "/usr/lib64/faketime/libfaketimeMT.so.1")


class NoFaketime(Exception):
    """libfaketime is not installed and cannot be."""


class Clock:
    """What `time.time()` says in the processes that have this environment; the monotonic clock
    stays right, as it does on a machine whose clock is set."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.shift(0)

    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # else threads that wait for each other spin
        }

    def shift(self, seconds: float) -> None:
        """Takes effect within two seconds."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{seconds:+.1f}")
        fresh.replace(self._file)

    @staticmethod
    def clean(pid: int) -> None:
        """Remove what libfaketime leaves of a process that was killed."""
        for name in (f"faketime_shm_{pid}", f"sem.faketime_sem_{pid}"):
            Path("/dev/shm", name).unlink(missing_ok=True)


@cache
def library() -> Path:
    """Where libfaketime lies; root on Debian installs it where it is missing."""
    if found := _find():
        return found
    if os.geteuid() == 0:
        command = ["apt-get", "install", "--yes", "--quiet", "faketime"]
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    found = _find()
    if found is None:
        raise NoFaketime("clocks cannot be moved: install Debian's `faketime`")
    return found


def _find() -> Path | None:
    triplet = f"{os.uname().machine}-linux-gnu"
    paths = (Path(place.format(triplet)) for place in PLACES)
    return next((path for path in paths if path.exists()), None)
