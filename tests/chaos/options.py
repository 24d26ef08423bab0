"""How a run is asked for."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from tests.chaos.scenes import SCENES, Scene

Adapters = Literal["embedded", "aws"]


@dataclass(frozen=True)
class Options:
    """One run."""

    jobs: int = 200
    seed: int = 1
    adapters: Adapters = "embedded"
    workers: int = 3
    json: bool = False
    mutant: str | None = None
    attacks: Mapping[str, int] | None = None
    """How often each attack comes; None: as many as befit the jobs."""
    share: float = 0.05
    """Of all calls, how many are failed."""
    scene: str | None = None
    """A short run instead, whose jobs, attacks and faults are written down."""
    only: tuple[str, ...] = ()
    """The kinds of faults; all, where none is named."""
    tries: int = 8
    """So many that the suite's kills alone use up no job's."""
    visibility: float = 2.0
    patience: float = 60.0
    """Seconds without any progress, after which what has not ended is stuck."""

    @classmethod
    def parse(cls, arguments: list[str] | None) -> "Options":
        parser = argparse.ArgumentParser(
            prog="python -m tests.chaos", description="Attack the running system, then judge it."
        )
        usual = cls()
        parser.add_argument("--jobs", type=int, default=usual.jobs)
        parser.add_argument("--seed", type=int, default=usual.seed)
        parser.add_argument("--adapters", choices=("embedded", "aws"), default=usual.adapters)
        parser.add_argument("--workers", type=int, default=usual.workers)
        parser.add_argument("--json", action="store_true", help="the last line is one object")
        parser.add_argument("--mutant", help="break this guard on purpose")
        parser.add_argument("--attacks", type=_attacks, help='"kill worker=3,stop worker=4"')
        parser.add_argument("--share", type=float, default=usual.share)
        parser.add_argument("--scene", choices=sorted(SCENES), help="a short scripted run")
        parser.add_argument("--patience", type=float, default=usual.patience)
        chosen = cls(**vars(parser.parse_args(arguments)))
        return chosen.staged(SCENES[chosen.scene]) if chosen.scene else chosen

    def staged(self, scene: Scene) -> "Options":
        """As the scene wants it."""
        names = ("share", "only", "workers", "tries", "visibility", "patience")
        return replace(
            self, jobs=len(scene.orders), **{name: getattr(scene, name) for name in names}
        )


def _attacks(text: str) -> dict[str, int]:
    parts = (part.partition("=") for part in text.split(",") if part)
    return {kind.strip(): int(often) for kind, _, often in parts}
