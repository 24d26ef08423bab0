"""`?wait=`: hold a look at a job until something changes.

This happens before the resolver sees the request: waiting must not keep others from being answered.
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

JOB_PATH = re.compile(r"/v1/jobs/([0-9a-z]{26})")
WAIT = re.compile(r"[0-9]{1,2}")


def wait_for_change(system: System, event: Mapping[str, Any]) -> None:
    """Return when the job differs from what the client knows, has ended, or the time is up."""
    path = JOB_PATH.fullmatch(event["rawPath"])
    seconds = _seconds(event["queryStringParameters"].get("wait", ""))
    if not path or not seconds or event["requestContext"]["http"]["method"] != "GET":
        return
    tenant, job_id = tenant_of(event), path[1]
    known = event["headers"].get("if-none-match")
    give_up = time.monotonic() + seconds
    system.table.watch(job_id, 0)  # from here on no change is missed
    seen = _tag(system, tenant, job_id)
    while seen and (known is None or matches(known, seen)):
        left = give_up - time.monotonic()
        if left <= 0:
            return
        system.table.watch(job_id, left)
        known = known or seen
        seen = _tag(system, tenant, job_id)


def _seconds(wait: str) -> int:
    """The seconds to wait; 0 for what the resolver is about to refuse."""
    return int(wait) if WAIT.fullmatch(wait) and int(wait) <= MAX_WAIT_SECONDS else 0


def _tag(system: System, tenant: str, job_id: str) -> str | None:
    """The job's present tag; None where there is nothing to wait for. To wait for another tenant's
    job would tell that it is there."""
    job = system.table.get(JobRecord, job_id)
    if job is None or job.tenant != tenant or job.status.ended:
        return None
    return etag(job, pulse_of(system, job), system.now())
