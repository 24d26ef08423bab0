"""The seeded list of attacks, each due when so many jobs have been accepted."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

PER_TEN_THOUSAND = {
    "kill worker": (170, 4),
    "kill front": (40, 1),
    "kill pump": (40, 1),
    "kill supervisor": (10, 1),
    "power cut": (12, 1),
    "stop worker": (60, 3),
    "stop front": (10, 1),
    "stop pump": (10, 1),
    "spot notice": (40, 1),
    "full disk": (12, 1),
    "false clock": (16, 2),
    "calm": (14, 1),
}
"""How often each attack comes in 10,000 jobs, and at least. In a calm no calls are failed."""


@dataclass(frozen=True)
class Attack:
    """One attack, due when `mark` jobs have been accepted."""

    mark: int
    kind: str


def usual(jobs: int) -> dict[str, int]:
    """How often each attack comes in a run of so many jobs."""
    scaled = PER_TEN_THOUSAND.items()
    return {kind: max(least, round(often * jobs / 10_000)) for kind, (often, least) in scaled}


def plan(jobs: int, seed: int, attacks: Mapping[str, int]) -> list[Attack]:
    """All attacks of a run."""
    chance = random.Random(f"nemesis {seed}")
    kinds = [kind for kind, often in attacks.items() for _ in range(often)]
    marks = sorted(chance.randrange(1, max(2, jobs)) for _ in kinds)
    chance.shuffle(kinds)
    return [Attack(mark, kind) for mark, kind in zip(marks, kinds, strict=True)]
