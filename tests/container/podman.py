"""Podman with a storage of its own: no daemon, and nothing stays when the tests have ended."""

import os
import subprocess
from pathlib import Path

from tests.debian import install, refuse

PROGRAMS = ("podman", "runc", "debootstrap")


class Podman:
    """The command. What it keeps is in one folder."""

    def __init__(self, folder: Path) -> None:
        if os.geteuid():
            refuse("only root on Debian builds an image here: NOBODY HAS CHECKED the container")
        for program in PROGRAMS:
            install(program, program)
        places = ("--root", folder / "storage", "--runroot", folder / "run", "--tmpdir", folder)
        self._command = ("podman", *map(str, places), "--runtime", "runc")
        self._environment = {**os.environ, "TMPDIR": str(folder)}

    def __call__(self, *words: str | Path) -> str:
        """What it prints; it must succeed."""
        ran = self.ran(*words)
        assert ran.returncode == 0, f"podman {words[0]}: {ran.stdout[-4000:]}{ran.stderr[-4000:]}"
        return ran.stdout.strip()

    def ran(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """As it comes."""
        return subprocess.run(
            [*self._command, "--cgroup-manager", "cgroupfs", *map(str, words)],
            env=self._environment,
            capture_output=True,
            text=True,
        )

    def clear(self) -> None:
        """Every container and image of this storage is gone."""
        for words in (("rm", "--all", "--force", "--time", "0"), ("rmi", "--all", "--force")):
            self.ran(*words)
