"""The models that this worker can run: the built-in ones and those of the user's modules."""

import sys
from collections.abc import Iterable, Iterator
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

from gpu_worker.model import Model
from shared.catalogue import ModelCard

BUILT_IN = ("gpu_worker.models.paint", "gpu_worker.models.upscale")


class Registry:
    """Models by name; each is loaded when it is first needed, and kept."""

    def __init__(self, modules: Iterable[str] = (), device: str = "", threads: int = 0) -> None:
        self.device, self.threads = device, threads
        self._models = {model.about.name: model for model in _models((*BUILT_IN, *modules))}
        self._loaded: set[str] = set()
        self._digests: dict[Path, str] = {}

    def find(self, name: str, version: str) -> Model | None:
        """The model, if it is here in that very version."""
        model = self._models.get(name)
        return model if model and model.about.version == version else None

    def get(self, name: str) -> Model:
        """The model of that name, or `KeyError`."""
        return self._models[name]

    def ready(self, model: Model) -> Model:
        """The model with its weights on the device."""
        if model.about.name not in self._loaded:
            self.device = self.device or best_device()
            model.load(self.device)
            if self.threads and "torch" in sys.modules:  # a model of another kind never loads it
                use_threads(self.threads)
            self._loaded.add(model.about.name)
        return model

    def weights(self, model: Model) -> dict[str, str]:
        """File name to SHA-256 of what the model was loaded from."""
        for path in model.weights:
            if path not in self._digests:
                self._digests[path] = sha256(path.read_bytes()).hexdigest()
        return {path.name: self._digests[path] for path in model.weights}

    def cards(self) -> list[ModelCard]:
        """The catalogue of these models."""
        return [_card(model) for _, model in sorted(self._models.items())]


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
