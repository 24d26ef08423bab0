"""The attacks do what they say: a disk is full, a clock is wrong, and only then."""

import errno
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.attacks import plan as plan_attacks
from tests.chaos.attacks import usual
from tests.chaos.workload import plan as plan_jobs
from tests.small_disk import SmallDisk, mounted
from tests.wall_clock import WallClock

TELL = """
import sys, time
for line in sys.stdin:
    begun = time.monotonic()
    time.sleep(0.2)
    print(time.time(), time.monotonic(), time.monotonic() - begun, flush=True)
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with mounted(tmp_path / "disk", 8) as disk:
        yield disk


def test_a_disk_is_full_until_it_is_freed(disk: SmallDisk) -> None:
    disk.fill()
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        (disk.folder / "file").write_bytes(b"x" * 8192)
    disk.free()
    (disk.folder / "file").write_bytes(b"x" * 8192)


def test_a_clock_is_put_off_and_right_again_while_monotonic_time_goes_on(tmp_path: Path) -> None:
    clock = WallClock(tmp_path / "clock")
    environment = os.environ | clock.environment()
    with subprocess.Popen(
        [sys.executable, "-c", TELL],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as told:
        for shift in (0, 250, -250, 0):
            clock.shift(shift)
            time.sleep(2.5)
            assert told.stdin
            assert told.stdout
            told.stdin.write("\n")
            told.stdin.flush()
            wall, monotonic, slept = map(float, told.stdout.readline().split())
            assert abs(wall - time.time() - shift) < 30
            assert abs(monotonic - time.monotonic()) < 30
            assert slept >= 0.2


def test_a_seed_decides_what_is_asked_and_what_is_done() -> None:
    assert plan_jobs(500, 1, drops=True) == plan_jobs(500, 1, drops=True)
    assert plan_jobs(500, 1, drops=True) != plan_jobs(500, 2, drops=True)
    assert plan_attacks(500, 1, usual(500)) == plan_attacks(500, 1, usual(500))
    assert plan_attacks(500, 1, usual(500)) != plan_attacks(500, 2, usual(500))


def test_ten_thousand_jobs_see_enough_of_everything() -> None:
    kinds = [attack.kind for attack in plan_attacks(10_000, 1, usual(10_000))]
    assert sum(kind.startswith("kill") for kind in kinds) >= 200
    orders = plan_jobs(10_000, 1, drops=True)
    assert {order.way for order in orders} == {"job", "upload", "ticket", "drop"}
    assert {order.act for order in orders} == {None, "cancel", "delete"}
    assert sum(order.poison == "deadly" for order in orders) <= 12
