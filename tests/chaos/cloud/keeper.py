"""Whoever starts processes again that have died, as ECS and Lambda do."""

import signal
import threading
import time
from collections.abc import Sequence

from local.child import Child, Program
from local.supervisor import describe

LOOK_SECONDS = 0.1
LONGEST_WAIT = 2.0
"""However often a process has died: the suite kills on purpose."""
EXPECTED = (0, -signal.SIGKILL, -signal.SIGTERM)
"""Who is asked to end before it knows how to listen ends at once, and has nothing to lose."""


class Keeper:
    """Keeps one process of each program alive, from `start` until `stop`."""

    def __init__(self, programs: Sequence[Program]) -> None:
        self._children = [Child(program) for program in programs]
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look_after, name="keeper", daemon=True)
        self.deaths: list[str] = []
        """The exits that nobody asked for."""

    def start(self) -> None:
        """Start what does not run; from then on whatever dies is started again."""
        with self._lock:
            self._start_due(float("inf"))
        if not self._thread.is_alive():
            self._thread.start()

    def stop(self) -> None:
        """End everything for good."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        self.kill()

    def kill(self) -> int:
        """SIGKILL to all at once; how many lived."""
        with self._lock:
            living = [child for child in self._children if child.process]
            for child in living:
                child.kill()
            for child in living:
                if child.process:
                    child.process.wait()
            self._bury(time.monotonic())
            return len(living)

    def living(self) -> list[tuple[str, int]]:
        """The names and ids of the processes that live now."""
        with self._lock:
            return [
                (child.program.name, child.process.pid)
                for child in self._children
                if child.process and child.process.poll() is None
            ]

    def _look_after(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            with self._lock:
                self._bury(time.monotonic())
                self._start_due(time.monotonic())

    def _bury(self, now: float) -> None:
        for child in self._children:
            status = child.ended()
            if status is None:
                continue
            child.again_at = min(child.plan_restart(now), now + LONGEST_WAIT)
            if status not in EXPECTED:
                self.deaths.append(f"{child.program.name} {describe(status)}")

    def _start_due(self, now: float) -> None:
        for child in self._children:
            if child.again_at is not None and child.again_at <= now:
                child.start(time.monotonic())
