"""A small disk of its own for a data folder, so that it can be filled."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path

MIB = 2**20


class Disk:
    """A tmpfs. Only root may mount one."""

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

    def _write_until_full(self, descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_END)
        with suppress(OSError):
            while True:
                os.write(descriptor, b"\0" * 4096)

    def free(self) -> None:
        """Give the room back."""
        self._filler.unlink(missing_ok=True)

    def unmount(self) -> None:
        """Gone, with all that was on it."""
        subprocess.run(["umount", "--lazy", self.folder], check=False)

    def _free_bytes(self) -> int:
        state = os.statvfs(self.folder)
        return max(4096, state.f_bavail * state.f_frsize)
