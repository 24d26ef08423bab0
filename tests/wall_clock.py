"""A wall clock that tests set for the processes that they start; no other clock changes."""

import os
from pathlib import Path

from tests.debian import install

LIBRARY = "*/faketime/libfaketimeMT.so.1"
USUAL = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
SITE = Path(__file__).parent / "faketime"


def faked(setting: Path) -> dict[str, str]:
    """The environment of processes whose clock is off by what `set_clock` says."""
    set_clock(setting, 0)
    library = install("faketime", next(Path("/usr/lib").glob(LIBRARY), USUAL))
    return {
        "LD_PRELOAD": library,
        "FAKETIME_TIMESTAMP_FILE": str(setting),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # else threads that wait for each other spin
        "PYTHONPATH": os.pathsep.join([str(SITE), *os.environ.get("PYTHONPATH", "").split()]),
    }


def set_clock(setting: Path, seconds: float) -> None:
    """Off by so many seconds, from now on. A half-written setting is never seen."""
    fresh = setting.with_suffix(".new")
    fresh.write_text(f"{seconds:+}\n")
    fresh.replace(setting)
