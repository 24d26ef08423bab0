"""What a client of the API says, and is answered: a talk yields calls, and is sent the answers."""

import json
from collections.abc import Generator
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

ENDED = frozenset({"succeeded", "failed", "canceled", "expired"})
PNG = b"\x89PNG"

T = TypeVar("T")
Job = dict[str, Any]


class Call(NamedTuple):
    """What is asked of a server."""

    method: str
    path: str
    body: bytes = b""


Talk = Generator[Call, bytes, T]


class Refused(Exception):
    """An answer that the benchmark does not expect."""


def submit(model: str, **wish: Any) -> Talk[str]:
    """The new job's id."""
    body = json.dumps({"model": model, "input": {}, **wish}).encode()
    return str(json.loads((yield Call("POST", "/v1/jobs", body)))["id"])


def end(job_id: str) -> Talk[Job]:
    """The job, as soon as it has succeeded."""
    while True:
        job: Job = json.loads((yield Call("GET", f"/v1/jobs/{job_id}?wait=20")))
        if job["status"] in ENDED:
            if job["status"] != "succeeded":
                raise Refused(f"{job}")
            return job


def done(missing: set[str]) -> Talk[list[Job]]:
    """Those of the missing jobs that have succeeded: listed from the newest on, page by page, until
    a page has none of them."""
    found: list[Job] = []
    path = "/v1/jobs?status=succeeded"
    while True:
        page = json.loads((yield Call("GET", path)))
        new = [job for job in page["items"] if job["id"] in missing]
        found += new
        if not new or not page["next"]:
            return found
        path = f"/v1/jobs?status=succeeded&cursor={page['next']}"


def artwork(job: Job) -> Talk[bytes]:
    """The job's first picture, by its signed URL."""
    parts = urlsplit(job["artworks"][0]["url"])
    picture = yield Call("GET", f"{parts.path}?{parts.query}")
    if not picture.startswith(PNG):
        raise Refused(f"no picture: {picture[:100]!r}")
    return picture


def made(job_id: str) -> Talk[bytes]:
    """The picture of a job that may not have ended yet."""
    return (yield from artwork((yield from end(job_id))))
