"""A real disk, small enough to be filled."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.debian import refuse


class SmallDisk:
    """A tmpfs at a folder of its own. Only root may mount one."""

    def __init__(self, folder: Path, mebibytes: int) -> None:
        self.folder = folder
        self._filler = folder / "filler"
        folder.mkdir(parents=True, exist_ok=True)
        size = f"size={mebibytes}m,mode=700"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", folder], check=True)

    def fill(self) -> None:
        """Leave no byte."""
        descriptor = os.open(self._filler, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            with suppress(OSError):  # whoever writes at this moment takes its part
                end = os.fstat(descriptor).st_size
                os.posix_fallocate(descriptor, end, self._free_bytes())
            self._write_until_full(descriptor)
        finally:
            os.close(descriptor)

    def free(self) -> None:
        """Give the room back."""
        self._filler.unlink(missing_ok=True)

    @contextmanager
    def filled(self) -> Iterator[None]:
        """Not one byte is free, until the block ends."""
        self.fill()
        try:
            yield
        finally:
            self.free()

    def unmount(self) -> None:
        """Gone, with all that was on it."""
        subprocess.run(["umount", "--lazy", self.folder], check=False)

    def _write_until_full(self, descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_END)
        with suppress(OSError):
            while True:
                os.write(descriptor, bytes(4096))

    def _free_bytes(self) -> int:
        state = os.statvfs(self.folder)
        return max(4096, state.f_bavail * state.f_frsize)


@contextmanager
def mounted(folder: Path, mebibytes: int) -> Iterator[SmallDisk]:
    """A disk of that size at `folder`, while the block runs."""
    if not may_mount():
        refuse("only root on Linux mounts a small disk: NOBODY HAS CHECKED what a full one does")
    disk = SmallDisk(folder, mebibytes)
    try:
        yield disk
    finally:
        disk.unmount()


def may_mount() -> bool:
    """Whether a small disk can be made here."""
    return os.geteuid() == 0 and sys.platform == "linux"
