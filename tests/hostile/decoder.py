"""Decoders with a codec that does harm on purpose: `python -m tests.hostile.decoder`.

No file is at hand that crashes the Pillow of today; one will be found some day. What begins with
one of the words below does what such a file would.
"""

import ctypes
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gpu_worker import pictures
from gpu_worker.decoder import answer, confine
from gpu_worker.decoder.__main__ import main
from gpu_worker.pictures import Picture
from shared.errors import InputError

MEMORY = 512 * 2**20
CPU_SECONDS = 1


def crash(data: bytes) -> None:
    ctypes.string_at(0)


def hog(data: bytes) -> None:
    kept = []
    while True:
        kept.append(bytearray(2**24))


def hog_in_a_codec(data: bytes) -> None:
    """As C code does that does not look at what malloc returns."""
    allocate = ctypes.CDLL(None).malloc
    allocate.argtypes, allocate.restype = [ctypes.c_size_t], ctypes.c_void_p
    while True:
        ctypes.memset(allocate(2**24) or 0, 1, 2**24)


def loop(data: bytes) -> None:
    while True:
        pass


def sleep(data: bytes) -> None:
    time.sleep(3600)


def die(data: bytes) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave(data: bytes) -> None:
    os._exit(0)


def write(data: bytes) -> None:
    """Into the file that is named behind the word."""
    Path(data.split()[1].decode()).write_bytes(b"harm")


def dump(data: bytes) -> None:
    os.abort()


def invent(data: bytes) -> None:
    raise InputError("<script>", code="all_is_well")


def swell(data: bytes) -> Picture:
    """Larger than any caller takes."""
    return Picture(np.zeros((1, pictures.MAX_PIXELS + 1, 3), np.uint8))


def chatter(data: bytes) -> None:
    """Writes where the worker reads answers."""
    for descriptor in range(3, 16):
        try:
            os.write(descriptor, b"\xff" * 100)
        except OSError:
            continue


HARM: dict[bytes, Callable[[bytes], Picture | None]] = {
    harm.__name__.encode(): harm
    for harm in (
        *(crash, hog, hog_in_a_codec, loop, sleep, die, leave),
        *(write, dump, invent, swell, chatter),
    )
}


def decode(data: bytes, max_pixels: int, long_side: int | None) -> Picture:
    harm = HARM.get(data.split(maxsplit=1)[0])
    made = harm(data) if harm else None
    return made or pictures.decode(data, max_pixels, long_side)


if __name__ == "__main__":
    confine.MEMORY, confine.CPU_SECONDS = MEMORY, CPU_SECONDS
    answer.decode = decode
    main()
