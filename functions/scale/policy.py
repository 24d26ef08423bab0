"""How many workers there should be. Plain arithmetic: it reads no clock and calls nobody."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

from shared.fleet import Backlog, Workers
from shared.system import Lane

WAITS: Mapping[Lane, float] = {"interactive": 30.0, "bulk": 1800.0}


@dataclass(frozen=True)
class Aims:
    """What is wanted of the fleet, and at what price."""

    floor: int = 0
    """Workers that are always there."""
    ceiling: int = 10
    """More are never asked for. While spot comes back, those on demand that stood in for it may be
    there beside it for a while."""
    job_seconds: float = 5.0
    """That a job keeps a worker busy, on average. Half of the truth doubles the wait."""
    waits: Mapping[Lane, float] = field(default_factory=lambda: WAITS)
    """Seconds within which what waits in a lane is to be done."""
    patience: float = 240.0
    """Seconds that spot is given to find an instance before on-demand is asked for one."""
    linger: float = 900.0
    """Seconds that a worker stays after it was last needed. ECS keeps an empty instance as long."""


@dataclass(frozen=True)
class Seen:
    """What there is at one moment, in seconds on any one clock."""

    at: float
    backlog: Mapping[Lane, Backlog]
    spot: Workers = field(default_factory=Workers)
    on_demand: Workers = field(default_factory=Workers)


@dataclass(frozen=True)
class Wanted:
    """How many workers of each kind there are to be."""

    spot: int
    on_demand: int


@dataclass(frozen=True)
class Moment:
    """What is remembered of a look: how many workers were needed, and how many ran on spot."""

    at: float
    need: int
    running: int


Memory = tuple[Moment, ...]
"""The looks of the last while. Who has forgotten them lets nobody go before it is over again."""


def decide(aims: Aims, seen: Seen, memory: Memory = ()) -> tuple[Wanted, Memory]:
    """What to ask of both services, and what to remember for the next time.

    A worker goes when none has been needed in its place for a while: a fleet that follows each lull
    would start instances all day. ECS chooses which goes, of those that have no work.

    Spot is always asked for all of them, so that it is used again as soon as there is some.
    On-demand stands in for what spot has owed for too long, and until spot has held for a while.
    """
    if not memory:  # what runs was needed, for all we know
        memory = (Moment(seen.at, seen.spot.desired, seen.spot.running),)
    now = Moment(seen.at, needed(aims, seen.backlog), seen.spot.running)
    memory = (*(one for one in memory if seen.at - one.at <= aims.linger), now)
    spot = min(max(aims.floor, *(one.need for one in memory)), aims.ceiling)
    lacking = spot - min(one.running for one in memory)
    owed = sum(seconds >= aims.patience for seconds in seen.spot.provisioning)
    room = aims.ceiling - seen.spot.running
    on_demand = min(max(owed, seen.on_demand.desired), lacking, room)
    return Wanted(spot, max(on_demand, 0)), memory


def needed(aims: Aims, backlog: Mapping[Lane, Backlog]) -> int:
    """Workers that make all that is there within the time that its lane may wait: one at least,
    where there is anything."""
    return ceil(
        sum(
            (one.waiting + one.taken) * aims.job_seconds / aims.waits[lane]
            for lane, one in backlog.items()
        )
    )
