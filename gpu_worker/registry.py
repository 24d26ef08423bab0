"""The models that this worker can run: the built-in ones and those of the user's modules."""

import sys
from collections.abc import Iterable, Iterator
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

from gpu_worker import memory
from gpu_worker.model import Model
from shared.catalogue import ModelCard

BUILT_IN = ("gpu_worker.models.paint", "gpu_worker.models.upscale")


class Registry:
    """Models by name; each is loaded when it is first needed, and kept as long as there is room.

    Torch, which takes seconds to import, is asked for the best device when a model first needs one.
    A model that does not use torch says `torch = False`, and runs on the CPU where none was chosen.
    """

    def __init__(
        self,
        modules: Iterable[str] = (),
        device: str = "",
        threads: int = 0,
        room: int = 0,
    ) -> None:
        """The weights of loaded models take `room` MiB together; 0: whatever they need."""
        self.device, self.threads = device or "cpu", threads
        self._chosen = bool(device)
        self._models = {model.about.name: model for model in _models((*BUILT_IN, *modules))}
        self._room = room * 2**20
        self._loaded: dict[str, Model] = {}
        """In the order of their last use."""
        self._digests: dict[Path, str] = {}

    def find(self, name: str, version: str) -> Model | None:
        """The model, if it is here in that very version."""
        model = self._models.get(name)
        return model if model and model.about.version == version else None

    def get(self, name: str) -> Model:
        """The model of that name, or `KeyError`."""
        return self._models[name]

    def is_ready(self, model: Model) -> bool:
        """Whether its weights are on the device."""
        return model.about.name in self._loaded

    def ready(self, model: Model) -> Model:
        """The model with its weights on the device; those that were not used for longest go first
        where there is no room for all."""
        if not self._loaded.pop(model.about.name, None):
            self._make_room(model)
            self._load(model)
        self._loaded[model.about.name] = model
        return model

    def unload_others(self, model: Model) -> bool:
        """Give this model all the memory there is. Says whether others had any."""
        others = [other for other in self._loaded.values() if other is not model]
        for other in others:
            self._unload(other)
        return bool(others)

    def weights(self, model: Model) -> dict[str, str]:
        """File name to SHA-256 of what the model was loaded from."""
        for path in model.weights:
            if path not in self._digests:
                self._digests[path] = sha256(path.read_bytes()).hexdigest()
        return {path.name: self._digests[path] for path in model.weights}

    def cards(self) -> list[ModelCard]:
        """The catalogue of these models."""
        return [_card(model) for _, model in sorted(self._models.items())]

    def _load(self, model: Model) -> None:
        if not self._chosen and getattr(model, "torch", True):
            self.device, self._chosen = best_device(), True
        model.load(self.device)
        if self.threads and "torch" in sys.modules:  # a model of another kind never loads it
            use_threads(self.threads)
        memory.settle()

    def _make_room(self, model: Model) -> None:
        while self._room and self._loaded and self._taken() + _size(model) > self._room:
            self._unload(next(iter(self._loaded.values())))

    def _taken(self) -> int:
        return sum(_size(model) for model in self._loaded.values())

    def _unload(self, model: Model) -> None:
        del self._loaded[model.about.name]
        model.unload()
        memory.release()


def _size(model: Model) -> int:
    """Bytes of its weights."""
    return sum(path.stat().st_size for path in model.weights)


def best_device() -> str:
    """The fastest device that torch finds."""
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def use_threads(count: int) -> None:
    """Bound torch's threads: several workers that each take every core slow each other down."""
    import torch

    torch.set_num_threads(count)


def _models(modules: Iterable[str]) -> Iterator[Model]:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)  # a user's own module lies where the worker is started
    for name in modules:
        for kind in import_module(name).MODELS:
            yield kind()


def _card(model: Model) -> ModelCard:
    schemas: dict[str, Any] = {
        "input": model.Input.model_json_schema(),
        "params": model.Params.model_json_schema(),
    }
    return ModelCard(**model.about.model_dump(), **schemas)
