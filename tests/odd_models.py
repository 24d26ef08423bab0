"""Models that raise or return what no model should, as a module named in `ATELIER_MODELS`."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from gpu_worker.model import Encoded, Inputs, Interrupted, Sample, Step
from gpu_worker.pictures import Picture
from tests.own_models import Plain, PlainParams, about, flat


class PanicException(BaseException):
    """As libraries in Rust raise it: no `Exception`."""


class OddParams(BaseModel):
    model_config = ConfigDict(extra="forbid")

    where: str = ""
    what: Literal["panic", "exit", "interrupted", "list", "few"] = "panic"


RAISED: dict[str, Callable[[], BaseException]] = {
    "panic": PanicException,
    "exit": lambda: SystemExit(3),
    "interrupted": lambda: Interrupted("of its own"),
}


class Odd(Plain):
    """Does something odd in one of its methods."""

    about: ClassVar = about("odd", limits={"batch": 4})
    Params: ClassVar[type[BaseModel]] = OddParams  # type: ignore[assignment]

    def prepare(self, inputs: Inputs, params: Any) -> Inputs:
        odd("prepare", params)
        return inputs

    def shape(self, prepared: Inputs, params: Any) -> Hashable:
        odd("shape", params)
        shape: Any = [1, 2] if params.what == "list" else ()
        return shape

    def generate(self, batch: Sequence[Sample], step: Step) -> list[Picture]:
        for sample in batch:
            odd("generate", sample.params)
        few = any(sample.params.what == "few" for sample in batch)
        return [flat(sample.seed) for sample in batch[few:]]

    def encode(self, artwork: Picture, params: PlainParams) -> Encoded:
        odd("encode", params)
        return super().encode(artwork, params)


def odd(where: str, params: Any) -> None:
    if params.where == where:
        raise RAISED[params.what]()


MODELS = [Odd]
