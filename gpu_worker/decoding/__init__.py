"""Decoding that no file can turn against its worker.

A model calls `decode`. In a worker the picture is decoded in another process, with limits on its
memory and time, where a hostile file ends nothing but its own job; elsewhere (`render`, a model's
tests) it is decoded in place.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from gpu_worker import pictures
from gpu_worker.decoding.pool import Pool
from gpu_worker.pictures import MAX_PIXELS, Picture

_pool: Pool | None = None


def decode(data: bytes, max_pixels: int = MAX_PIXELS, long_side: int | None = None) -> Picture:
    """The picture in these bytes: see `pictures.decode`, which also lists the codes."""
    if _pool is None or not data:
        return pictures.decode(data, max_pixels, long_side)
    return _pool.decode(data, max_pixels, long_side)


@contextmanager
def apart(pool: Pool) -> Iterator[None]:
    """Meanwhile everything is decoded in that pool, whose processes end with it."""
    global _pool
    _pool = pool
    try:
        yield
    finally:
        _pool = None
        pool.close()
