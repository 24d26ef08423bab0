"""Where a model runs: torch is asked for the best device, but only for models of its own."""

import subprocess
import sys
import weakref
from pathlib import Path
from typing import ClassVar

import pytest

from gpu_worker import registry
from gpu_worker.registry import Registry
from tests.conftest import OWN_MODELS
from tests.own_models import Plain, about

MAKE_READY = """
import sys
from pathlib import Path
from gpu_worker.registry import Registry
models = Registry(("tests.own_models",))
models.ready(models.get("plain"))
print("torch" in sys.modules, models.device)
"""


class Torch(Plain):
    """Tells onto which device it was loaded."""

    torch: ClassVar = True
    device = ""

    def load(self, device: str) -> None:
        self.device = device


def test_a_model_that_uses_no_torch_never_has_it_imported() -> None:
    command = [sys.executable, "-c", MAKE_READY]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert told.split() == ["False", "cpu"]


def test_a_model_of_torchs_is_loaded_onto_the_best_device_whatever_was_loaded_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "best_device", lambda: "mps")
    models, model = Registry(OWN_MODELS), Torch()
    models.ready(models.get("restless"))
    models.ready(model)
    assert (model.device, models.device) == ("mps", "mps")


def test_a_device_that_is_named_is_the_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "best_device", lambda: "mps")
    models, model = Registry((), "cuda"), Torch()
    models.ready(model)
    assert (model.device, models.device) == ("cuda", "cuda")


class Weighty(Plain):
    """Has weights, and tells whether they are on the device."""

    on_device = False

    def __init__(self, name: str, weights: Path) -> None:
        self.about = about(name)  # type: ignore[misc]
        self.weights = (weights,)  # type: ignore[misc]

    def load(self, device: str) -> None:
        self.on_device = True

    def unload(self) -> None:
        self.on_device = False


@pytest.fixture
def three(tmp_path: Path) -> list[Weighty]:
    """Models of one MiB each."""
    path = tmp_path / "weights"
    path.write_bytes(bytes(2**20))
    return [Weighty(name, path) for name in ("a", "b", "c")]


def test_what_was_not_used_for_longest_makes_room(three: list[Weighty]) -> None:
    models = Registry((), "cpu", room=2)
    a, b, c = three
    for model in (a, b, a, c):
        models.ready(model)
    assert [model.on_device for model in three] == [True, False, True]
    assert not models.is_ready(b)


def test_a_model_that_is_larger_than_all_the_room_runs_alone(three: list[Weighty]) -> None:
    models = Registry((), "cpu", room=1)
    for model in three:
        models.ready(model)
    assert [model.on_device for model in three] == [False, False, True]


def test_all_memory_may_be_given_to_one(three: list[Weighty]) -> None:
    models = Registry((), "cpu")
    for model in three:
        models.ready(model)
    assert models.unload_others(three[1])
    assert [model.on_device for model in three] == [False, True, False]
    assert not models.unload_others(three[1])


class Layers:
    """As networks are: their parts know each other, so that only the collector finds them."""

    def __init__(self) -> None:
        self.whole = self


class Layered(Weighty):
    """Holds its network while it is on the device."""

    network: Layers | None = None

    def load(self, device: str) -> None:
        self.network = Layers()

    def unload(self) -> None:
        self.network = None


def test_what_an_unloaded_model_was_made_of_is_given_back(three: list[Weighty]) -> None:
    models, model = Registry((), "cpu"), Layered("layered", three[0].weights[0])
    models.ready(model)
    assert model.network
    network = weakref.ref(model.network)
    models.ready(three[0])
    assert models.unload_others(three[0])
    assert network() is None
