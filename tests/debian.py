"""Programs that tests need and Debian has: installed where that is possible."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

QUIETLY = ("-y", "-qq", "--no-install-recommends")


def install(package: str, there: Path | str) -> str:
    """Where the program, or the file, is. Without it the test is skipped aloud; in CI it fails."""
    if not _find(there) and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", *QUIETLY, package]):
            subprocess.run(command, env=environment, check=False, timeout=600)
    return _find(there) or refuse(f"{package} is not there: NOBODY HAS CHECKED this")


def refuse(message: str) -> str:
    """Skip aloud; in CI, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def _find(there: Path | str) -> str | None:
    if isinstance(there, Path):
        return str(there) if there.exists() else None
    return shutil.which(there)
