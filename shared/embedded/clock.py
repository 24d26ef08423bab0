"""A clock that never jumps, the same for every process of one boot.

The wall clock does jump: by a person's hand, by NTP, with a virtual machine that was paused. What
processes agree on between themselves, such as how long a letter is held, is told by this clock.
What it has told means nothing after the next boot.
"""

import subprocess
import time
from functools import cache
from pathlib import Path

CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""It goes on while the machine sleeps, where the system has such a clock."""
LINUX_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
MACOS_BOOT_ID = ("/usr/sbin/sysctl", "-n", "kern.bootsessionuuid")


def now() -> float:
    """Seconds since some moment of this boot."""
    return time.clock_gettime(CLOCK)


@cache
def boot_id() -> str:
    """The name of this boot; empty where the system gives it none."""
    try:
        return LINUX_BOOT_ID.read_text().strip()
    except OSError:
        pass
    try:
        return subprocess.run(MACOS_BOOT_ID, capture_output=True, text=True).stdout.strip()  # noqa: S603
    except OSError:
        return ""
