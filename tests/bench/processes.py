"""Processes seen from outside: what they use, and how they are held still."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil


class Processes:
    """A process and all that it has started."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)

    def all(self) -> list[psutil.Process]:
        return [self._root, *self._root.children(recursive=True)]

    def cpu(self) -> float:
        """Seconds of CPU until now, of those that have ended too."""
        used = 0.0
        for process in self.all():
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                used += times.user + times.system + times.children_user + times.children_system
        return used

    def memory(self) -> float:
        """MiB, pages that several share counted once."""
        used = 0
        for process in self.all():
            with suppress(psutil.NoSuchProcess):
                used += process.memory_full_info().pss
        return used / 2**20

    @contextmanager
    def still(self) -> Iterator[None]:
        """Stopped, so that not even their polling disturbs what is measured meanwhile."""
        stopped = self.all()
        for process in stopped:
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in stopped:
                process.send_signal(signal.SIGCONT)

    def end(self, patience: float) -> None:
        """SIGTERM to the first of them, and SIGKILL to whatever is left after so many seconds."""
        everyone = self.all()
        with suppress(psutil.NoSuchProcess):
            self._root.terminate()
        for process in psutil.wait_procs(everyone, patience)[1]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
