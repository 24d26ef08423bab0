"""The cloud's workers, as those see them who decide how many there are."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Backlog:
    """A lane's jobs: those that wait, and those that workers have taken."""

    waiting: int = 0
    taken: int = 0


@dataclass(frozen=True)
class Workers:
    """Those of one kind: how many there are to be, and how many there are."""

    desired: int = 0
    running: int = 0
    provisioning: tuple[float, ...] = ()
    """For how many seconds each has waited that no machine was found for."""


class Fleet(Protocol):
    """Workers on spot machines, which are cheap and may be taken away, and on demand."""

    def backlog(self, queue: str) -> Backlog:
        """What lies in the queue of that name. Approximate."""

    def spot(self) -> Workers: ...

    def on_demand(self) -> Workers: ...

    def ask(self, spot: int, on_demand: int) -> None:
        """Have so many of each. Those that work are left to end it."""
