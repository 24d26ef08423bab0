"""`?wait=`: hold a look at a job until something changes.

This happens before the resolver sees the request. Here it holds the function's invocation; who
serves many clients at once (`local.changes`) holds each by its `Wait` alone.
"""

import re
import time
from collections.abc import Mapping
from typing import Any

from functions.api.app import tenant_of
from functions.api.jobs import matches, pulse_of
from functions.api.representation import etag
from shared.contract import MAX_WAIT_SECONDS
from shared.records import JobRecord
from shared.system import System

SETTLE_SECONDS = 0.25
"""Changes come in flocks: what has begun has often ended a moment later, and one answer for both is
sooner than two. An end is told at once."""
JOB_PATH = re.compile(r"/v1/jobs/([0-9a-z]{26})")
WAIT = re.compile(r"[0-9]{1,2}")


class Wait:
    """A client's wish to be answered once its job has changed."""

    def __init__(self, tenant: str, job_id: str, seconds: int, known: str | None) -> None:
        self.job_id = job_id
        self._tenant = tenant
        self._known = known
        self._looked = False
        self._give_up = time.monotonic() + seconds

    def left(self, system: System) -> float:
        """The seconds to go on waiting: none where the job differs from what the client knows, has
        ended, or the time is up."""
        seen, looked = self._tag(system), self._looked
        if seen is None:
            return 0.0
        self._known, self._looked = seen if self._known is None else self._known, True
        if not matches(self._known, seen):
            settled = time.monotonic() + SETTLE_SECONDS
            self._give_up = min(self._give_up, settled) if looked else 0.0
        return max(0.0, self._give_up - time.monotonic())

    def _tag(self, system: System) -> str | None:
        """The job's present tag; None where there is nothing to wait for. To wait for another
        tenant's job would tell that it is there."""
        job = system.table.get(JobRecord, self.job_id)
        if job is None or job.tenant != self._tenant or job.status.ended:
            return None
        return etag(job, pulse_of(system, job), system.now())


def wait_for_change(system: System, event: Mapping[str, Any]) -> None:
    """Return when there is nothing to wait for any more."""
    wait = wished(event)
    if wait is None:
        return
    system.table.watch(wait.job_id, 0)  # from here on no change is missed
    while left := wait.left(system):
        system.table.watch(wait.job_id, left)


def wished(event: Mapping[str, Any]) -> Wait | None:
    """What the event asks to wait for; None for what the resolver is about to refuse, too."""
    path = JOB_PATH.fullmatch(event["rawPath"])
    seconds = _seconds((event.get("queryStringParameters") or {}).get("wait", ""))
    if not path or not seconds or event["requestContext"]["http"]["method"] != "GET":
        return None
    return Wait(tenant_of(event), path[1], seconds, event["headers"].get("if-none-match"))


def _seconds(wait: str) -> int:
    return int(wait) if WAIT.fullmatch(wait) and int(wait) <= MAX_WAIT_SECONDS else 0
