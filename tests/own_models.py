"""Models of a user's own, as a module named in `ATELIER_MODELS`: small, fast, and badly behaved
where a test needs that."""

import secrets
import time
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from gpu_worker.decoding import decode
from gpu_worker.model import Encoded, Inputs, Sample, Step
from gpu_worker.pictures import Picture, encode_png, thumbnail
from shared.catalogue import Localised, ModelAbout
from shared.contract import ImageSource, Text


def about(name: str, **more: Any) -> ModelAbout:
    return ModelAbout(
        name=name,
        version="1",
        task="test",
        title=Localised(en=name, zh=name),
        description=Localised(en="For tests.", zh="测试用。"),
        licence="Apache-2.0",
        **more,
    )


class PlainInput(BaseModel):
    text: Text | None = None
    image: ImageSource | None = None


class PlainParams(BaseModel):
    model_config = ConfigDict(extra="forbid")

    seconds: float = 0.0
    steps: int = 10


class Plain:
    """One flat colour, drawn from the seed; takes `seconds` in `steps` steps."""

    about: ClassVar = about("plain", limits={"batch": 4})
    Input: ClassVar = PlainInput
    Params: ClassVar = PlainParams
    weights: ClassVar[Sequence[Path]] = ()
    torch: ClassVar = False

    def load(self, device: str) -> None:
        pass

    def unload(self) -> None:
        pass

    def prepare(self, inputs: Inputs, params: PlainParams) -> Inputs:
        return inputs

    def shape(self, prepared: Inputs, params: BaseModel) -> Hashable:
        """A batch takes its time from the first of its samples."""
        return params.model_dump_json()

    def generate(self, batch: Sequence[Sample], step: Step) -> list[Picture]:
        params = batch[0].params
        for done in range(params.steps):
            step(done / params.steps)
            time.sleep(params.seconds / params.steps)
        return [flat(sample.seed) for sample in batch]

    def encode(self, artwork: Picture, params: PlainParams) -> Encoded:
        height, width = artwork.rgb.shape[:2]
        return Encoded(encode_png(artwork), "image/png", thumbnail(artwork), width, height)


def flat(seed: int) -> Picture:
    colour = np.random.default_rng(seed).integers(0, 256, 3, dtype=np.uint8)
    return Picture(np.broadcast_to(colour, (16, 16, 3)).copy(), None)


class Broken(Plain):
    """Raises what no model should."""

    about: ClassVar = about("broken")

    def generate(self, batch: Sequence[Sample], step: Step) -> list[Picture]:
        raise ZeroDivisionError("a bug")


class Deadly(Plain):
    """Kills the worker that runs it."""

    about: ClassVar = about("deadly")

    def generate(self, batch: Sequence[Sample], step: Step) -> list[Picture]:
        import os
        import signal

        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("unreachable")


class Restless(Plain):
    """Never makes the same picture twice, so that it is seen which attempt made it."""

    about: ClassVar = about("restless", limits={"batch": 4})

    def generate(self, batch: Sequence[Sample], step: Step) -> list[Picture]:
        super().generate(batch, step)
        return [flat(secrets.randbits(32)) for _ in batch]


class Looking(Plain):
    """Looks at the picture that it is given."""

    about: ClassVar = about("looking")

    def prepare(self, inputs: Inputs, params: PlainParams) -> Inputs:
        image = inputs.get("image")
        if isinstance(image, bytes):
            decode(image)
        return inputs


MODELS = [Plain, Broken, Deadly, Restless, Looking]
