"""What every test shares: a system of its own, and no `ATELIER_` variable from outside."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic_core import to_json

from gpu_worker.registry import Registry
from shared.bootstrap import assemble, disconnect
from shared.catalogue import Catalogue
from shared.embedded.table import SqliteTable
from shared.settings import Settings, environment
from shared.system import System

OWN_MODELS = ("tests.own_models",)

# Under nohup SIGINT is ignored, and processes that a test starts would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith("ATELIER_")]:
        monkeypatch.delenv(name)
    disconnect()
    yield
    disconnect()


@pytest.fixture(scope="session")
def catalogue_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalogue of the built-in models and those of `tests.own_models`."""
    return catalogue_of(OWN_MODELS, tmp_path_factory.mktemp("catalogue"))


def catalogue_of(models: tuple[str, ...], folder: Path) -> Path:
    path = folder / "catalogue.json"
    path.write_bytes(to_json(Registry(models).cards()))
    assert Catalogue.read(path).cards
    return path


@pytest.fixture
def chosen(tmp_path: Path, catalogue_file: Path) -> Settings:
    """The settings of a small system in a folder of its own."""
    return Settings(
        data=tmp_path / "data",
        catalogue=catalogue_file,
        models=OWN_MODELS,
        visibility=1.0,
        heartbeat=0.1,
        device="cpu",
        default_model="plain",
    )


@pytest.fixture
def system(chosen: Settings) -> Iterator[System]:
    """Its files are closed in the end: a worker of this process would keep them open for ever."""
    system = assemble(chosen)
    yield system
    assert isinstance(system.table, SqliteTable)
    system.table.database.close()


@pytest.fixture
def connected(system: System, chosen: Settings, monkeypatch: pytest.MonkeyPatch) -> System:
    """The handlers' own system: `connect()` finds it by the environment, as in production."""
    for name, value in environment(chosen).items():
        if name.startswith("ATELIER_"):
            monkeypatch.setenv(name, value)
    return system
