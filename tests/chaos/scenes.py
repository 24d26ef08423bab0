"""Short runs, each of which brings about what certain guards are for."""

from dataclasses import dataclass

from tests.chaos.attacks import Attack
from tests.chaos.workload import Order


@dataclass(frozen=True)
class Scene:
    """What is asked for, and what happens meanwhile."""

    orders: tuple[Order, ...]
    attacks: tuple[str, ...] = ()
    """One after the other, when all jobs have been accepted."""
    share: float = 0.0
    only: tuple[str, ...] = ()
    workers: int = 4
    tries: int = 6
    visibility: float = 2.0
    patience: float = 20.0

    def plan(self) -> tuple[list[Order], list[Attack]]:
        return list(self.orders), [Attack(len(self.orders), kind) for kind in self.attacks]


ACTS = Scene(
    orders=(
        *(Order(n, seconds=5.0, act="cancel", after=2.0) for n in (0, 1)),
        *(Order(n, seconds=5.0, act="delete", after=2.0) for n in (2, 3)),
        *(Order(n, act="cancel", after=8.0, repeats=True) for n in (4, 5)),
        *(Order(n, seconds=0.2, count=3, hook="flaky", repeats=True) for n in range(6, 10)),
    ),
)
"""Nothing is disturbed: clients cancel, delete and repeat, receivers fail."""

DUPLICATES = Scene(
    orders=(
        *(Order(n, seconds=14.0) for n in (0, 1)),
        *(Order(n, seconds=0.2, count=2) for n in range(2, 12)),
    ),
    share=1.0,
    only=("doubled",),
    tries=3,
    visibility=4.0,
)
"""Every message comes twice, and some jobs take long."""

RACES = Scene(
    orders=tuple(Order(n) for n in range(60)), share=1.0, only=("doubled", "slow"), workers=6
)
"""Most messages come twice and all calls take their time: two reach for one job at one moment."""

ZOMBIES = Scene(
    orders=tuple(Order(n, seconds=6.0) for n in range(3)), attacks=("zombies 3",), workers=6
)
"""Those who work are stopped until others have taken their jobs, and then go on."""

FAILURES = Scene(
    orders=(
        *(Order(n, seconds=0.4, count=12, hook="fine") for n in range(10)),
        *(Order(n, seconds=1.5, count=2) for n in range(10, 14)),
    ),
    attacks=("wait 1", "kill holder", "kill pump", *5 * ("wait 1", "kill holder")),
    share=0.2,
)
"""Calls fail and processes die."""

ENDS = Scene(
    orders=tuple(Order(n, hook="fine") for n in range(60)),
    attacks=("wait 15",),
    share=0.3,
    only=("refused", "unanswered"),
)
"""Many jobs end, each in a few calls, any of which may fail or lose its answer."""

LOSSES = Scene(
    orders=tuple(Order(n, seconds=1.0, count=16) for n in range(24)),
    attacks=("wait 15",),
    share=0.3,
    only=("fatal",),
    tries=20,
)
"""Workers die when they have stored artworks and not yet committed them."""

POISON = Scene(
    orders=(Order(0, model="deadly", poison="deadly"), Order(1), Order(2, count=2)),
    tries=2,
    patience=8.0,
)
"""A job kills its workers."""

SCENES = {
    "acts": ACTS,
    "duplicates": DUPLICATES,
    "ends": ENDS,
    "failures": FAILURES,
    "losses": LOSSES,
    "poison": POISON,
    "races": RACES,
    "zombies": ZOMBIES,
}
