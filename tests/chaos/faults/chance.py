"""Whether a call meets with a fault: a seeded die, at a rate that can change at any time."""

import os
import random
import time
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

FILE = "rate"
LOOK_SECONDS = 0.25
FATAL = "fatal"
"""Ends its process: struck only where it is named."""


class Rate(BaseModel):
    """How many of all calls meet with a fault, 0..1, and with which kinds: all but the
    fatal one, where none is named."""

    share: float = 0.0
    only: frozenset[str] = frozenset()

    def among(self, kinds: Sequence[str]) -> list[str]:
        """Those of these kinds that may strike."""
        if self.only:
            return [kind for kind in kinds if kind in self.only]
        return [kind for kind in kinds if kind != FATAL]


class Chance:
    """One process's die."""

    def __init__(self, file: Path, seed: int) -> None:
        """`file` holds the rate; there may be none yet."""
        self._file = file
        self._random = random.Random(f"{seed} {os.getpid()}")
        self._rate = Rate()
        self._next_look = 0.0

    def strike(self, kinds: Sequence[str]) -> str | None:
        """One of these faults, or mostly none."""
        rate = self._now()
        likely = rate.among(kinds)
        struck = rate.share and likely and self._random.random() < rate.share
        return self._random.choice(likely) if struck else None

    def between(self, least: float, most: float) -> float:
        return self._random.uniform(least, most)

    def _now(self) -> Rate:
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + LOOK_SECONDS
            self._rate = read(self._file)
        return self._rate


def read(file: Path) -> Rate:
    """The rate that stands in the file."""
    try:
        return Rate.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return Rate()


def write(file: Path, rate: Rate) -> None:
    """Whole, or not at all: it is read at any moment."""
    fresh = file.with_suffix(".new")
    fresh.write_text(rate.model_dump_json())
    fresh.replace(file)
