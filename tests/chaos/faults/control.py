"""The other end of the fault layer: for whoever starts the system and judges it afterwards."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.faults import chance
from tests.chaos.faults.config import CONFIG, Config
from tests.chaos.faults.journal import Fault, Write, entries, lines
from tests.startup import startup


class Faults:
    """The faults of one system. `folder` is its own, outside of the system's data.

    The rate is 0 until it is set. All may be called while the system runs.
    """

    def __init__(self, folder: Path, seed: int, mutant: str | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder.absolute()
        config = Config(folder=self.folder, seed=seed, mutant=mutant)
        (self.folder / CONFIG).write_text(config.model_dump_json())

    def environment(self) -> dict[str, str]:
        """What the system's processes need in their environment."""
        return {**startup(), "CHAOS_FAULTS": str(self.folder / CONFIG)}

    def rate(self, share: float, *only: str) -> None:
        """From now on this share of all calls, 0..1, meets with a fault: with one of `only` these
        kinds, where any are named. Returns when every process must have seen it."""
        rate = chance.Rate(share=share, only=frozenset(only))
        chance.write(self.folder / chance.FILE, rate)
        time.sleep(chance.LOOK_SECONDS)

    def count(self) -> int:
        """How many faults have been injected."""
        return sum(1 for _ in lines(self.folder, "faults"))

    def faults(self) -> Iterator[Fault]:
        """Each of them."""
        return entries(self.folder, "faults", Fault)

    def by_kind(self) -> Counter[str]:
        """How many of each kind."""
        return Counter(fault.kind for fault in self.faults())

    def journal(self) -> Iterator[Write]:
        """The writes to the table that took effect: those of one process in their order, but one
        process after the other."""
        return entries(self.folder, "writes", Write)
