"""The sides of the throughput benchmark: each makes so many pictures, and says how long it took."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Protocol

from tests.bench.dcgan import BATCH, Generator


class Side(Protocol):
    """One way to have pictures made."""

    name: str

    def burst(self, count: int, first_seed: int) -> float:
        """Seconds from the first request until the last picture is here."""

    def cpu(self) -> float:
        """Seconds of CPU used until now, without the client's."""

    def client(self) -> float:
        """Seconds of CPU that the client has used until now."""

    def still(self) -> AbstractContextManager[None]:
        """Held still while another side is measured."""


class Loop:
    """The limit: the model in a bare loop, best batch, in this process; what it makes is lost."""

    def __init__(self, name: str, make: Callable[[range], object]) -> None:
        self.name, self._make = name, make

    def burst(self, count: int, first_seed: int) -> float:
        start = time.perf_counter()
        for first in range(first_seed, first_seed + count, BATCH):
            self._make(range(first, min(first + BATCH, first_seed + count)))
        return time.perf_counter() - start

    def cpu(self) -> float:
        return time.process_time()

    def client(self) -> float:
        return 0.0

    def still(self) -> AbstractContextManager[None]:
        return nullcontext()


def loops() -> tuple[Loop, Loop]:
    """The bare loop, and one that only computes."""
    import torch

    torch.set_num_threads(1)
    generator = Generator()
    return Loop("bare", generator.pictures), Loop("forward", generator.forward)


@contextmanager
def alone(side: Side, sides: list[Side]) -> Iterator[None]:
    """All others are still meanwhile."""
    with ExitStack() as stack:
        for other in sides:
            if other is not side:
                stack.enter_context(other.still())
        yield
