"""The worker's image, and the base that stands for the one from a registry."""

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from tests.container.podman import Podman
from tests.machine import ROOT

SUITE, PYTHON = "bookworm", "3.11"
"""A Debian, and the Python that it comes with."""
INSIDE = "python3,python3-venv,ca-certificates"
LISTS = ("var/cache/apt/archives", "var/lib/apt/lists")
TORCH = os.environ.get("TORCH", "torch==2.13.0")
"""As the Makefile has it: a requirement, and perhaps where to find it."""
PINS = ("constraints.txt", "gpu_worker/cuda.txt")
BASE, NAME = "localhost/atelier-base", "localhost/atelier-worker"
WORKER = ROOT / "gpu_worker"
AS_IN_ECS = (
    *("--read-only", "--read-only-tmpfs=false", "--tmpfs=/tmp:size=64m,mode=1777,noexec"),
    *("--cap-drop=all", "--security-opt=no-new-privileges", "--no-healthcheck"),
    *("--network=host", "--ulimit=nofile=1024:1024", "--ulimit=nproc=1000:1000"),
)
"""Podman would leave the health check to systemd: the tests ask themselves."""


@dataclass(frozen=True)
class Image:
    """One that is built."""

    podman: Podman
    name: str

    @cached_property
    def about(self) -> dict[str, Any]:
        """What `podman inspect` says."""
        described: dict[str, Any] = from_json(self.podman("inspect", self.name))[0]
        return described

    @property
    def health(self) -> list[str]:
        """The command of its health check."""
        told: list[str] = self.about["Healthcheck"]["Test"]
        assert told[0] == "CMD"
        return told[1:]

    def say(self, command: str) -> str:
        """What a shell in it prints."""
        return self.run("-c", command, entrypoint="sh")

    def ask(self, program: str) -> str:
        """What its Python prints."""
        return self.run("-c", program, entrypoint="python")

    def run(self, *arguments: str, entrypoint: str | None = None) -> str:
        """What a container prints that ends by itself."""
        other = (f"--entrypoint={entrypoint}",) if entrypoint else ()
        return self.podman("run", "--rm", *AS_IN_ECS, *other, self.name, *arguments)


def base(podman: Podman, folder: Path) -> Image:
    """A small Debian with Python."""
    root, packed = folder / "root", folder / "root.tar"
    told = ["debootstrap", "--variant=minbase", f"--include={INSIDE}", SUITE, str(root)]
    _run(*told)
    for kept in LISTS:
        _run("find", str(root / kept), "-type", "f", "-delete")
    _run("tar", "-C", str(root), "-cf", str(packed), ".")
    podman("import", packed, BASE)
    return Image(podman, BASE)


def wheels(folder: Path) -> Path:
    """What is to be installed, by way of this machine's own index: the build needs none then."""
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check")
    kind = ("--only-binary=:all:", "--python-version", PYTHON, "--dest", str(folder))
    _run(*pip, *kind, "--no-deps", *shlex.split(TORCH))
    wanted = ("-r", "shared/requirements.txt", "-r", "gpu_worker/requirements.txt")
    pinned = [word for file in PINS for word in ("-c", file)]
    _run(*pip, *kind, *wanted, *pinned, "--find-links", str(folder), shlex.split(TORCH)[0])
    return folder


def build(podman: Podman, base: Image, wheels: Path) -> Image:
    """By the Dockerfile, from this checkout."""
    given = {
        "BASE": base.name,
        "TORCH": shlex.split(TORCH)[0],
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": "/wheels",
        "REVISION": "tested",
    }
    podman(
        *("build", "--isolation=chroot", "--format=docker", "--layers=false"),
        *(f"--build-arg={name}={value}" for name, value in given.items()),
        *("--volume", f"{wheels}:/wheels:ro", "--tag", NAME),
        *("--file", WORKER / "Dockerfile", ROOT),
    )
    return Image(podman, NAME)


def _run(*command: str) -> None:
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, f"{command[0]}: {ran.stdout[-4000:]}{ran.stderr[-4000:]}"
