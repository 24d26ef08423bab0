"""The handlers' own system: they find it by the environment, as in production."""

import pytest

from shared.settings import Settings, environment
from shared.system import System


@pytest.fixture
def connected(system: System, chosen: Settings, monkeypatch: pytest.MonkeyPatch) -> System:
    """`connect()` gives this system's settings."""
    for name, value in environment(chosen).items():
        if name.startswith("ATELIER_"):
            monkeypatch.setenv(name, value)
    return system
