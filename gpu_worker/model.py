"""What a model is to the worker: one small class that knows nothing of queues.

A user's own model is a Python module with a `MODELS` list of such classes, named in the setting
`ATELIER_MODELS`.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel

from shared.catalogue import ModelAbout

Step = Callable[[float], None]
"""Called by a model between its steps with the share that is done, 0..1. It raises `Interrupted`
where the batch is to be given up: let it pass."""

Inputs = Mapping[str, bytes | str]
"""A job's inputs by field name: the bytes of a picture, the words of a text."""


class Interrupted(Exception):
    """The work is to stop between two steps: canceled, past its deadline, or the worker drains."""


@dataclass(frozen=True)
class Sample:
    """One artwork to be made."""

    prepared: Any
    """What `prepare` returned for the job; the artworks of one job share it."""
    params: Any
    """An instance of the model's `Params`."""
    seed: int
    """Drawn from the job's seed and the artwork's index: the only source of randomness."""


@dataclass(frozen=True)
class Encoded:
    """An artwork as bytes, with its WebP thumbnail."""

    data: bytes
    media_type: str
    thumbnail: bytes
    width: int | None = None
    height: int | None = None
    duration: float | None = None


class Model(Protocol):
    """`load` once, then `prepare` → `generate` → `encode` for each job. `load`, `generate` and
    `unload` are called in one thread, the rest in several at the same time."""

    about: ClassVar[ModelAbout]
    Input: ClassVar[type[BaseModel]]
    """Fields of type `ImageSource` arrive in `prepare` as bytes, texts as they are."""
    Params: ClassVar[type[BaseModel]]
    weights: ClassVar[Sequence[Path]]
    """The files whose digests the manifest names."""

    def load(self, device: str) -> None:
        """Read the weights onto the device (`cpu`, `cuda`, `mps`). Torch is imported here."""

    def unload(self) -> None:
        """Give the device's memory back. `load` may come again."""

    def prepare(self, inputs: Inputs, params: Any) -> Any:
        """Decode, off the device. Raises `InputError` for what cannot be used."""

    def shape(self, prepared: Any, params: Any) -> Hashable:
        """Samples of equal shape may share a batch, also those of different jobs."""

    def generate(self, batch: Sequence[Sample], step: Step) -> Sequence[Any]:
        """One raw artwork for each sample, in order. None depends on what else is in the batch."""

    def encode(self, artwork: Any, params: Any) -> Encoded:
        """Bytes from a raw artwork."""
