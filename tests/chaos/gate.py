"""When clients may submit more: there is always a backlog, and never a mountain."""

import time
from contextlib import suppress

from shared.system import LANES
from tests.chaos.nemesis import Nemesis
from tests.chaos.stage import Stage

LOOK_SECONDS = 0.5
LEAST, MOST = 12, 200


class Gate:
    """Open while less than `limit` jobs wait, and the attacks keep up."""

    def __init__(self, stage: Stage, nemesis: Nemesis, jobs: int) -> None:
        self._stage, self._nemesis = stage, nemesis
        self._limit = max(LEAST, min(MOST, jobs // 20))
        self._next_look = 0.0
        self._open = True

    def open(self) -> bool:
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + LOOK_SECONDS
            with suppress(Exception):  # the disk may be full
                self._open = self._waiting() < self._limit
        return self._open and self._nemesis.keeps_up

    def _waiting(self) -> int:
        return sum(self._stage.system.lane("standard", lane).depth() for lane in LANES)
