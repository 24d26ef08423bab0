"""A model that, the first time, stops its worker within a transaction."""

import os
import signal
from collections.abc import Sequence
from typing import Any, ClassVar

from gpu_worker.model import Sample, Step
from gpu_worker.pictures import Picture
from shared.embedded.database import Database
from shared.settings import settings
from tests.own_models import Plain, about


class Stuck(Plain):
    """Stopped once, it is well."""

    about: ClassVar[Any] = about("stuck")

    def generate(self, batch: Sequence[Sample], step: Step) -> list[Picture]:
        folder = settings().data
        assert folder
        if not (folder / "was-stuck").exists():
            (folder / "was-stuck").touch()
            with Database(folder).alone():
                os.kill(os.getpid(), signal.SIGSTOP)
        return super().generate(batch, step)


MODELS = (Stuck,)
