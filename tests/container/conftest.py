"""One image and one emulator for all; a deployment of its own for each test."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest

from shared.aws.clients import Clients
from shared.bootstrap import connect, disconnect
from shared.settings import PREFIX, Settings, environment
from shared.system import System
from tests.container.image import Image, base, build, wheels
from tests.container.podman import Podman
from tests.container.running import Container, running
from tests.contract.conftest import CREDENTIALS
from tests.contract.emulator import Emulator, emulator
from tests.contract.resources import deploy

LARGE = "/var/tmp"
"""Where room for some gigabytes is to be expected."""
Start = Callable[..., AbstractContextManager[Container]]
figures: list[str] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    terminalreporter.section("figures")
    for figure in figures:
        terminalreporter.write_line(figure)


@pytest.fixture(scope="session")
def podman() -> Iterator[Podman]:
    with TemporaryDirectory(prefix="atelier-", dir=os.environ.get("TMPDIR", LARGE)) as folder:
        podman = Podman(Path(folder))
        yield podman
        podman.clear()


@pytest.fixture(scope="session")
def debian(podman: Podman) -> Image:
    with TemporaryDirectory(prefix="atelier-", dir=os.environ.get("TMPDIR", LARGE)) as folder:
        begun = time.monotonic()
        debian = base(podman, Path(folder))
    figures.append(f"base made in {time.monotonic() - begun:.0f} s")
    return debian


@pytest.fixture(scope="session")
def image(podman: Podman, debian: Image) -> Image:
    with TemporaryDirectory(prefix="atelier-", dir=os.environ.get("TMPDIR", LARGE)) as folder:
        found = wheels(Path(folder))
        begun = time.monotonic()
        image = build(podman, debian, found)
    figures.append(f"image built in {time.monotonic() - begun:.0f} s")
    return image


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with emulator(tmp_path_factory.mktemp("ministack"), CREDENTIALS) as emulated:
        yield emulated


@pytest.fixture
def settings(
    ministack: Emulator, catalogue_file: Path, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Of the functions, which run here: what `template.yaml` declares, made on the emulator."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    deployed = deploy(Clients(ministack.endpoint), f"atelier-{uuid4().hex[:12]}")
    chosen = deployed.model_copy(update={"catalogue": catalogue_file})
    for name, value in environment(chosen).items():
        if name.startswith(PREFIX):
            monkeypatch.setenv(name, value)
    disconnect()
    return chosen


@pytest.fixture
def system(settings: Settings) -> System:
    return connect()


@pytest.fixture
def start(image: Image, settings: Settings, tmp_path: Path) -> Start:
    """Starts a worker's container."""
    fleet = {"catalogue": None, "models": ("own_models",), "device": "cpu", "threads": 1}

    def start(**more: object) -> AbstractContextManager[Container]:
        chosen = settings.model_copy(update={**fleet, **more})
        return running(image, chosen, CREDENTIALS, tmp_path)

    return start
