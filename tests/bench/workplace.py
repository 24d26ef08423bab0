"""Where a benchmark's data lies."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

HOME = Path("/var/tmp/atelier-bench")
"""On a disk, which `/tmp` need not be."""


@contextmanager
def workplace(kept: Path | None = None) -> Iterator[Path]:
    """A new folder that is removed in the end, or one that is kept."""
    if kept:
        kept.mkdir(parents=True)
        yield kept
    else:
        HOME.mkdir(exist_ok=True)
        spread(HOME)
        with TemporaryDirectory(dir=HOME) as folder:
            yield Path(folder)


def spread(folder: Path) -> None:
    """Have ext4 put each folder in there somewhere else: for minutes after files were removed, the
    next ones beside them cost a millisecond each, since their inodes are passed over one by one."""
    with suppress(FileNotFoundError):
        subprocess.run(["chattr", "+T", folder], check=False, stderr=subprocess.DEVNULL)
