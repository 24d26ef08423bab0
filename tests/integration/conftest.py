"""The handlers' own system: they find it by the environment, as in production."""

import pytest

from gpu_worker.drain import Drain
from gpu_worker.registry import Registry
from gpu_worker.worker import Worker
from shared.settings import Settings, environment
from shared.system import System
from tests.conftest import OWN_MODELS


@pytest.fixture
def connected(system: System, chosen: Settings, monkeypatch: pytest.MonkeyPatch) -> System:
    """`connect()` gives this system's settings."""
    for name, value in environment(chosen).items():
        if name.startswith("ATELIER_"):
            monkeypatch.setenv(name, value)
    return system


@pytest.fixture
def hand(system: System) -> Worker:
    """A worker that is moved by hand: `hand.once()`."""
    return Worker(system, Registry(OWN_MODELS, "cpu"), Drain(60))
