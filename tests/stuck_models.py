"""A model that, the first time, stops its worker within a transaction."""

import signal
import threading
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
            with Database(folder).alone():
                (folder / "was-stuck").touch()
                # To this very thread: sent to the process, it may come after the transaction.
                signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        return super().generate(batch, step)


MODELS = (Stuck,)
