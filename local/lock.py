"""The one lock of a data folder.

Two files: the supervisor alone holds `supervisor`, which carries its process id; its children
inherit `lock`, which stays held until the last of them has ended, also when the supervisor was
killed.
"""

import fcntl
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

LEFTOVER_SECONDS = 12.0
KILL_SHARE = 0.7
"""Whoever is still there after this part of the patience will not end by itself."""
LOOK_SECONDS = 0.1


class FolderInUse(Exception):
    """Somebody else works in the data folder."""


class FolderLock:
    """Held from its making until the last process that inherited `descriptor` has ended."""

    def __init__(
        self,
        folder: Path,
        say: Callable[[str], None],
        patience: float = LEFTOVER_SECONDS,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._supervisor = _open(folder / "supervisor")
        self.descriptor = _open(folder / "lock")
        if not _try(self._supervisor):
            pid = _read(self._supervisor)
            raise FolderInUse(f"Atelier runs on {folder} already (process {pid})")
        self._wait_for_leftovers(folder, say, patience)
        self.write([])

    def write(self, children: list[int]) -> None:
        """Note who holds the lock, for those who find it held."""
        _write(self._supervisor, [os.getpid()])
        _write(self.descriptor, children)

    def release(self) -> None:
        """Let go."""
        os.close(self.descriptor)
        os.close(self._supervisor)

    def _wait_for_leftovers(
        self, folder: Path, say: Callable[[str], None], patience: float
    ) -> None:
        begun = time.monotonic()
        told = False
        while not _try(self.descriptor):
            pids = _read(self.descriptor)
            waited = time.monotonic() - begun
            if not told:
                say(f"Processes of an Atelier that was killed are still ending: {pids}. Waiting.")
                told = True
            if waited > patience * KILL_SHARE:
                self._kill(pids)
            if waited > patience:
                raise FolderInUse(
                    f"processes of an Atelier that was killed still work on {folder}: {pids}; "
                    "try again in a moment, or end them"
                )
            time.sleep(LOOK_SECONDS)

    def _kill(self, pids: str) -> None:
        """Those that were stopped, say, and so have not noticed that they are to end."""
        for pid in map(int, pids.split()):
            # After a power cut, or in a container, a dead child's number may be our own.
            if pid != os.getpid() and self._is_held_by(pid):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _is_held_by(self, pid: int) -> bool:
        """Whether the process has the lock open: its number may be another's by now."""
        ours = os.fstat(self.descriptor)
        with suppress(OSError):
            return any(os.path.samestat(path.stat(), ours) for path in _open_files(pid))
        return False


def _open_files(pid: int) -> list[Path]:
    """None, where the system does not say."""
    return list(Path(f"/proc/{pid}/fd").glob("*"))


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(descriptor: int) -> str:
    return os.pread(descriptor, 4096, 0).decode(errors="replace").strip()


def _write(descriptor: int, pids: list[int]) -> None:
    text = " ".join(map(str, pids)).encode()
    with suppress(OSError):  # a full disk: the lock holds all the same
        os.pwrite(descriptor, text, 0)
        os.ftruncate(descriptor, len(text))
