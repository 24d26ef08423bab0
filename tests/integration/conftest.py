"""What integration tests share."""

import pytest

from gpu_worker.worker import Worker
from shared.system import System
from tests.integration.working import by_hand


@pytest.fixture
def hand(system: System) -> Worker:
    """A worker that is moved by hand: `hand.once()`."""
    return by_hand(system)
