"""One child process, which is to run for as long as the supervisor does."""

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

STEADY_SECONDS = 10.0
"""A child that lived this long and then died is started again at once."""
FIRST_BACKOFF, LAST_BACKOFF = 0.25, 30.0


@dataclass(frozen=True)
class Program:
    """What a child runs."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str]
    log: Path
    tells_ready: bool
    """Whether it prints a line when it is ready."""
    patience: float
    """Seconds from SIGTERM until it is killed."""
    keeps: tuple[int, ...] = ()
    """File descriptors that it inherits."""


@dataclass
class Child:
    """A program's process, and its next one."""

    program: Program
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    ready: bool = False
    failures: int = 0
    again_at: float | None = field(default=0.0)
    """When to start the next process; None while one runs."""

    @property
    def output(self) -> IO[bytes] | None:
        """Where it says that it is ready."""
        return self.process.stdout if self.process else None

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    def start(self, now: float) -> None:
        """Start the process, in a session of its own: Ctrl-C is for the supervisor only."""
        with self.program.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603
                self.program.command,
                stdin=subprocess.PIPE,  # never written to: see shared.lifeline
                stdout=subprocess.PIPE if self.program.tells_ready else log,
                stderr=log,
                env=self.program.environment,
                pass_fds=self.program.keeps,
                start_new_session=True,
            )
        self.started, self.again_at, self.ready = now, None, False

    def ended(self) -> int | None:
        """The exit status, once, when the process has ended; its own children are killed then."""
        status = self.process.poll() if self.process else None
        if status is not None:
            self.kill()
            self._forget()
        return status

    def plan_restart(self, now: float) -> float:
        """When the next process starts: at once, or later and later if each dies young."""
        self.failures = 0 if now - self.started >= STEADY_SECONDS else self.failures + 1
        wait = FIRST_BACKOFF * 2 ** (self.failures - 1) if self.failures else 0.0
        self.again_at = now + min(LAST_BACKOFF, wait)
        return self.again_at

    def terminate(self) -> None:
        """Ask it to end."""
        if self.process:
            self.process.terminate()

    def kill(self) -> None:
        """End it and whatever it has started."""
        if self.process:
            # macOS answers EPERM for a group of which only zombies are left.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def _forget(self) -> None:
        if self.process:
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe:
                    pipe.close()
        self.process = None
