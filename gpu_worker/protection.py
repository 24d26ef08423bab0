"""Tells ECS whether there is work, so that those workers are stopped first that have none.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html
"""

import time
from collections.abc import Callable
from math import inf

import urllib3
from urllib3.exceptions import HTTPError

from gpu_worker.drain import Drain
from shared.logs import Logger

logger = Logger(service="worker")

LOOK_SECONDS = 1.0
PROTECTED_MINUTES = 15
"""It is not renewed before it lapses: that is the moment in which ECS may stop a worker that always
has work, so that neither a deploy nor a smaller fleet waits longer. What fits is finished then, and
the rest is handed back."""
OPEN_SECONDS = 60.0
"""For so long it is open to that: ECS looks at a service now and then, and counts the minutes from
when it was asked, a little later than we do."""
IDLE_SECONDS = 30.0
"""Between two jobs that follow each other nothing is told."""
AGAIN_SECONDS = 30.0
ANSWER_SECONDS = 10.0


class Protection:
    """Of the task that this worker is, from deploys and from a fleet that shrinks."""

    def __init__(
        self, agent: str, busy: Callable[[], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`agent` is where ECS's agent answers, which asks ECS in the task's name."""
        self._url = f"{agent}/task-protection/v1/state"
        self._busy, self._clock = busy, clock
        self._busy_at = self._until = self._next_try = -inf

    def watch(self, drain: Drain) -> None:
        """Look each second, until the worker is to end."""
        while not drain.asked:
            self.look()
            drain.wait(LOOK_SECONDS)

    def look(self) -> None:
        """Ask for protection where there is work and none is in force, and give it up where there
        has been none for a while."""
        now = self._clock()
        busy, protected = self._busy(), now < self._until
        if busy:
            self._busy_at = now
        if now < self._next_try:
            return
        if busy and now >= self._until + OPEN_SECONDS:
            seconds = 60.0 * PROTECTED_MINUTES
            asked = self._ask(ProtectionEnabled=True, ExpiresInMinutes=PROTECTED_MINUTES)
            self._until = now + seconds if asked else -inf
        elif protected and now - self._busy_at >= IDLE_SECONDS:
            self._until = -inf if self._ask(ProtectionEnabled=False) else self._until

    def _ask(self, **state: bool | int) -> bool:
        """Whether it was done. If not there is no hurry: who is stopped unprotected is drained."""
        try:
            told = urllib3.request(
                "PUT", self._url, json=state, timeout=ANSWER_SECONDS, retries=False
            ).json()
        except (HTTPError, ValueError) as error:
            told = {"error": type(error).__name__}
        if "protection" in told:
            return True
        logger.warning("ECS's agent does not protect this task", extra={"reason": told})
        self._next_try = self._clock() + AGAIN_SECONDS
        return False
