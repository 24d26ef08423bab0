"""A worker's container, as ECS runs it."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psutil

from shared.settings import PREFIX, Settings, environment
from tests.container.image import AS_IN_ECS, Image
from tests.machine import ROOT

OWN_MODEL = f"{ROOT}/tests/own_models.py:/opt/atelier/own_models.py:ro"
"""A studio's own module lies where the worker is started."""
STOP_SECONDS = 120
"""The most that ECS allows, and a spot notice too."""


@dataclass(frozen=True)
class Container:
    """One that was started."""

    image: Image
    name: str

    @property
    def processes(self) -> list[psutil.Process]:
        """All that run in it, the first process first."""
        first = psutil.Process(int(self._inspected("{{.State.Pid}}")))
        return [first, *first.children(recursive=True)]

    @property
    def worker(self) -> psutil.Process:
        """The first of them that is Python."""
        return next(one for one in self.processes if one.name().startswith("python"))

    @property
    def healthy(self) -> bool:
        return self.image.podman.ran("exec", self.name, *self.image.health).returncode == 0

    def say(self, command: str) -> str:
        """What a shell in it prints."""
        return self.image.podman("exec", self.name, "sh", "-c", command)

    def stop(self) -> tuple[int, float]:
        """SIGTERM, and SIGKILL at last: its exit status, and how long it took."""
        begun = time.monotonic()
        self.image.podman("stop", "--time", str(STOP_SECONDS), self.name)
        return int(self._inspected("{{.State.ExitCode}}")), time.monotonic() - begun

    def _inspected(self, what: str) -> str:
        return self.image.podman("inspect", "--format", what, self.name)


@contextmanager
def running(
    image: Image, settings: Settings, credentials: Mapping[str, str], folder: Path
) -> Iterator[Container]:
    """A container with a worker under these settings; its log is printed in the end."""
    name = f"worker-{uuid4().hex[:8]}"
    told = folder / f"{name}.environment"
    ours = {k: v for k, v in environment(settings).items() if k.startswith(PREFIX)}
    told.write_text("".join(f"{k}={v}\n" for k, v in {**ours, **credentials}.items()))
    options = (*AS_IN_ECS, "--volume", OWN_MODEL, "--env-file", told, "--name", name)
    image.podman("run", "--detach", *options, image.name)
    try:
        yield Container(image, name)
    finally:
        logged = image.podman.ran("logs", name)
        print(logged.stdout, logged.stderr)
        image.podman("rm", "--force", "--time", "0", name)
