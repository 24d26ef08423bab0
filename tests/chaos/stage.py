"""What is attacked: a whole running system, and the hands on it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from shared.system import System
from tests.chaos.faults.control import Faults
from tests.small_disk import SmallDisk

Role = Literal["front", "pump", "worker", "supervisor"]


@dataclass(frozen=True)
class Target:
    """A living process of the system. `pump` is whatever runs the functions behind the API."""

    role: Role
    pid: int


class Stage(Protocol):
    """A system that can be started, attacked and looked into from the outside."""

    url: str
    """Where clients reach it."""
    headers: Mapping[str, str]
    """What each call of a client carries: an API key, where one is needed."""
    tenant: str
    """Whose jobs the clients' are."""
    system: System
    """The suite's own view: the same adapters, without faults, at the right time."""
    faults: Faults

    @property
    def drops(self) -> Path | None:
        """Where files may be dropped; None where the suite has no drop folder."""

    @property
    def disk(self) -> SmallDisk | None:
        """What can be filled; None where the system has no disk of its own."""

    def start(self) -> None:
        """Start the system, or what of it does not run; return when it answers."""

    def stop(self) -> None:
        """End it for good, and let go of all that was taken for it."""

    def keep(self) -> Path | None:
        """Copy what is there, for diagnosis, to a place that outlives `stop`."""

    def targets(self) -> list[Target]:
        """The processes that live now. Those that are restarted come with another pid."""

    def power_cut(self) -> int:
        """SIGKILL to all of them at once, then start again. Returns how many were killed."""

    def move_clock(self, seconds: float) -> None:
        """Put the clock so far off the right time, forward or back; 0 sets it right. Where the
        processes are machines of their own, some of them are moved, each as the stage likes."""

    def deaths(self) -> list[str]:
        """The exits that no kill explains: a status other than 0, a signal other than SIGKILL."""

    def told(self) -> Iterator[tuple[str, Any]]:
        """The events that the topic was told, as (event id, event)."""
