"""No warnings: Pillow has many to tell about other people's files."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


class _Silence:
    """How many threads decode just now, and the warning filters they found."""

    lock = threading.Lock()
    threads = 0
    filters = warnings.catch_warnings()


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings in here. `catch_warnings` alone mixes up the filters of threads that overlap."""
    with _Silence.lock:
        if not _Silence.threads:
            _Silence.filters = warnings.catch_warnings()
            _Silence.filters.__enter__()
            warnings.simplefilter("ignore")
        _Silence.threads += 1
    try:
        yield
    finally:
        with _Silence.lock:
            _Silence.threads -= 1
            if not _Silence.threads:
                _Silence.filters.__exit__(None, None, None)
