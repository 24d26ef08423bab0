"""What decides whether a batch fits into a drain."""

import time
from math import inf

from gpu_worker.estimate import Estimate


def test_nothing_is_known_of_a_batch_that_has_not_begun() -> None:
    assert Estimate(None).left() == inf
    assert Estimate(3.0).left() == 3.0


def test_a_batch_that_has_begun_gets_on_until_it_shows_progress() -> None:
    estimate = Estimate(None)
    estimate.begin()
    assert estimate.left() == 0.0


def test_what_is_usual_counts_until_there_is_progress() -> None:
    estimate = Estimate(1000.0)
    estimate.begin()
    assert 900 < estimate.left() <= 1000
    time.sleep(0.05)
    estimate.reach(0.5)
    assert 0.05 <= estimate.left() < 100


def test_progress_never_goes_back_and_ends_at_nothing_left() -> None:
    estimate = Estimate(None)
    estimate.begin()
    estimate.reach(1.5)
    estimate.reach(0.1)
    assert estimate.left() == 0.0
