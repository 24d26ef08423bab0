"""What a decoder may use. Beyond these limits it ends, and nobody else is hurt."""

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

MEMORY = 2 * 2**30
"""Bytes. The largest pictures that are taken, 64 megapixels with alpha in the least favourable of
formats, need 1.4 GiB."""
CPU_SECONDS = 30
"""For one picture. The slowest honest ones need 6."""
OPEN_FILES = 16

_SET_PDEATHSIG, _SET_DUMPABLE, _SET_NO_NEW_PRIVS = 1, 4, 38


def confine(parent: int) -> None:
    """Bind this process to its limits, and its life to its parent's."""
    _limit(resource.RLIMIT_DATA, MEMORY)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    if sys.platform == "linux":
        Path("/proc/self/oom_score_adj").write_text("1000")  # the first to go, before any worker
        control = ctypes.CDLL(None).prctl
        control(_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        control(_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        control(_SET_DUMPABLE, 0, 0, 0, 0)
    if os.getppid() != parent:  # it has ended before it could be told of
        os._exit(1)


def allow_cpu() -> None:
    """Grant the time for one more picture; SIGXCPU ends the process when it is used up."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    granted = int(used.ru_utime + used.ru_stime) + 1 + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (granted, most))


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    least = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (least, least))
