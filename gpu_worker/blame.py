"""Whose fault an error is: a bug in a model must not look like ours, nor ours like the model's."""

from collections.abc import Iterator
from contextlib import contextmanager

from gpu_worker.model import Interrupted, Model
from shared.errors import AtelierError, ModelError
from shared.logs import Logger

logger = Logger(service="worker")


@contextmanager
def blamed(model: Model) -> Iterator[None]:
    """The block runs the model's code, which may raise anything: it comes out as `ModelError`."""
    try:
        yield
    except (AtelierError, Interrupted):
        raise
    except BaseException as error:  # libraries in Rust panic with such as is no `Exception`
        if _out_of_memory(error):
            raise ModelError("out of memory", code="out_of_memory") from error
        logger.exception("the model failed", extra={"model": model.about.name})
        raise ModelError(f"{type(error).__name__} in {model.about.name}") from error


def _out_of_memory(error: BaseException) -> bool:
    """Torch has a class of its own for a GPU's memory, and none for a CPU's."""
    told = type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error)
    return told or isinstance(error, MemoryError)
