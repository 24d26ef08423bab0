"""The tie to the supervisor of one machine: a child does not outlive it.

The supervisor gives each child a pipe as its standard input and never writes to it. The kernel
closes the pipe however the supervisor ends, `kill -9` included, and the child then reads the end of
the file.
"""

import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable


def hold(on_lost: Callable[[], None]) -> None:
    """Call `on_lost`, in a thread of its own, once the supervisor is gone.

    Without a supervisor (standard input is no pipe) nothing happens, ever.
    """
    if _tied():
        threading.Thread(target=_wait, args=(on_lost,), name="lifeline", daemon=True).start()


def end_within(seconds: float) -> Callable[[], None]:
    """What most children do when they are lost: SIGTERM to themselves, a hard exit if they are
    still there after `seconds`."""

    def end() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(seconds)
        os._exit(1)

    return end


def _tied() -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(sys.__stdin__.fileno()).st_mode) if sys.__stdin__ else False
    except (OSError, ValueError):
        return False


def _wait(on_lost: Callable[[], None]) -> None:
    try:
        while os.read(0, 1024):
            pass
    except OSError:
        pass
    on_lost()
