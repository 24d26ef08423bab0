"""A real disk, small enough to be filled."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.debian import refuse


@contextmanager
def mounted(folder: Path, mebibytes: int) -> Iterator[Path]:
    """A tmpfs of that size at `folder`."""
    if os.geteuid() != 0 or sys.platform != "linux":
        refuse("only root on Linux mounts a small disk: NOBODY HAS CHECKED what a full one does")
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder)]
    subprocess.run(mount, check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Not one byte is free on the disk, until the block ends."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    try:
        yield
    finally:
        filler.unlink()
