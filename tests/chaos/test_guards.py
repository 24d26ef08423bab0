"""The suite can fail: it sees each guard that is broken, and no fault in the whole product."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.faults.mutants import MUTANTS
from tests.chaos.scenes import SCENES

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
GIVE_UP_SECONDS = 600
SEEDS = ("1", "2", "3")
KINDS = ("deaths", "lost", "twice", "stuck", "backwards", "orphans")

SEEN = {
    "cancel-forgotten": ("acts", "lost"),
    "delete-without-tombstone": ("acts", "lost"),
    "ended-moves": ("acts", "backwards"),
    "idempotency-forgotten": ("acts", "twice"),
    "random-event-id": ("acts", "twice"),
    "webhook-tried-once": ("acts", "lost"),
    "no-heartbeat": ("duplicates", "lost"),
    "no-version-check": ("races", "twice"),
    "steal": ("duplicates", "lost"),
    "no-fencing": ("zombies", "backwards"),
    "ack-first": ("failures", "stuck"),
    "announce-clears-first": ("ends", "lost"),
    "commit-before-store": ("failures", "lost"),
    "made-twice": ("failures", "twice"),
    "no-tidy": ("losses", "orphans"),
    "outbox-outside": ("ends", "lost"),
    "endless-tries": ("poison", "stuck"),
}
"""In which scene the lack of a guard is seen, and as what."""


def perform(folder: Path, scene: str, *options: str) -> tuple[int, dict[str, Any], str]:
    """The suite's exit status, its figures and what it says; what it keeps is in the folder."""
    command = [sys.executable, "-m", "tests.chaos", "--scene", scene, "--json", *options]
    environment = os.environ | {"TMPDIR": str(folder)}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True, process_group=0
    ) as suite:
        try:
            last, told = suite.communicate(timeout=GIVE_UP_SECONDS)
        except BaseException:
            suite.send_signal(signal.SIGINT)  # it stops its system and frees its disk
            suite.wait(GIVE_UP_SECONDS)
            raise
    assert last, told
    return suite.returncode, json.loads(last.splitlines()[-1]), told


def test_every_mutant_is_looked_for() -> None:
    assert SEEN.keys() == MUTANTS.keys()


@pytest.mark.parametrize("scene", SCENES)
def test_the_whole_product_is_clean(scene: str, tmp_path: Path) -> None:
    status, figures, told = perform(tmp_path, scene)
    assert {kind: figures[kind] for kind in KINDS} == dict.fromkeys(KINDS, 0), told
    assert status == 0


@pytest.mark.parametrize("mutant", SEEN)
def test_a_broken_guard_is_seen(mutant: str, tmp_path: Path) -> None:
    """With one of a few seeds: some are seen only where an attack falls into a short moment."""
    scene, kind = SEEN[mutant]
    for seed in SEEDS:
        status, figures, told = perform(tmp_path, scene, "--mutant", mutant, "--seed", seed)
        if figures[kind]:
            break
    assert status == 1, told
    assert figures[kind] > 0, told
