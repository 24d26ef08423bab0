"""Models of a user's own whose errors tell what they were given."""

from collections.abc import Sequence
from typing import ClassVar

from gpu_worker.model import Sample, Step
from gpu_worker.pictures import Picture
from tests import own_models


class Leaky(own_models.Plain):
    """Raises its prompt."""

    about: ClassVar = own_models.about("leaky")

    def generate(self, batch: Sequence[Sample], step: Step) -> list[Picture]:
        raise RuntimeError(f"cannot make {batch[0].prepared}")


MODELS = [*own_models.MODELS, Leaky]
