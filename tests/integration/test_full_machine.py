"""A machine whose disk fills up refuses what it cannot keep, lives on, and goes on by itself."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.machine import OWN_MODELS, PHOTO, Running, running, wait_until
from tests.small_disk import mounted

MEBIBYTES = 24
TIMES = 30
BIG = {"metadata": {str(number): "x" * 500 for number in range(16)}}


def ask(atelier: Running, **more: Any) -> httpx.Response:
    wish = {"model": "plain", "input": {"text": "x" * 500}, **BIG, **more}
    return atelier.call("POST", "/v1/jobs", json=wish)


def upload(atelier: Running) -> httpx.Response:
    ticket = atelier.call(
        "POST", "/v1/uploads", json={"content_type": "image/jpeg", "size": len(PHOTO)}
    )
    if ticket.status_code != 201:
        return ticket
    given = ticket.json()
    return httpx.put(given["url"], content=PHOTO, headers=given["headers"], timeout=30)


@pytest.mark.slow
def test_a_full_disk_ends_nothing_and_loses_nothing(tmp_path: Path) -> None:
    with (
        mounted(tmp_path / "disk", MEBIBYTES) as disk,
        running(disk.folder / "data", *OWN_MODELS, ATELIER_DISK_RESERVE="0") as atelier,
    ):
        atelier.until(atelier.submit(), "succeeded")
        children = atelier.children()
        accepted = [atelier.submit(params={"seconds": 1, "steps": 10}, **BIG) for _ in range(4)]
        with disk.filled():
            answers = [ask(atelier) for _ in range(TIMES)] + [upload(atelier) for _ in range(3)]
            wait_until(lambda: atelier.call("GET", "/health").status_code in (200, 503))
        codes = {answer.status_code for answer in answers}
        assert codes <= {200, 201, 202, 503}
        assert 503 in codes
        refused = [answer.json()["code"] for answer in answers if answer.status_code == 503]
        assert set(refused) <= {"disk_full", "disk_failed"}
        taken = [answer.json()["id"] for answer in answers if answer.status_code == 202]
        for job in [*accepted, *taken, atelier.submit()]:
            atelier.until(job, "succeeded", 120)
        assert atelier.children() == children
        assert atelier.process.poll() is None

        assert (atelier.data / "atelier.db-wal").stat().st_size < 2**24
