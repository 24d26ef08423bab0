"""Which batch size is the best: learned from what batches have taken."""

from collections.abc import Callable

from gpu_worker.pace import Pace

KIND = ("model", (64, 64))


def learned(seconds: Callable[[int], float], most: int = 32, latency: float = 4.0) -> list[int]:
    """The sizes taken one after the other where a batch takes so long and work never ends."""
    pace, sizes = Pace(latency), []
    for _ in range(40):
        sizes.append(pace.best(KIND, most))
        pace.note(KIND, sizes[-1], seconds(sizes[-1]))
    return sizes


def test_batches_grow_for_as_long_as_a_sample_gets_cheaper() -> None:
    assert learned(lambda size: 0.010 + 0.001 * size)[-1] == 32


def test_a_batch_that_met_other_work_keeps_no_others_small() -> None:
    seen: set[int] = set()

    def seconds(size: int) -> float:
        disturbed = size not in seen
        seen.add(size)
        return (0.010 + 0.001 * size) * (5 if disturbed else 1)

    assert learned(seconds)[-1] == 32


def test_they_stop_growing_where_it_does_not() -> None:
    sizes = learned(lambda size: 0.01 * size + 0.0001)
    assert sizes[-1] <= 2
    assert max(sizes) <= 4  # it was tried


def test_a_size_behind_the_best_is_left_again() -> None:
    sizes = learned(lambda size: 0.01 + 0.001 * size if size <= 8 else 0.02 * size)
    assert sizes[-1] == 8
    assert max(sizes) == 16


def test_no_batch_takes_longer_than_the_bound() -> None:
    sizes = learned(lambda size: 1.0 + 0.1 * size, latency=2.0)
    assert max(1.0 + 0.1 * size for size in sizes) <= 2.8
    assert 1.0 + 0.1 * sizes[-1] <= 2.0


def test_what_memory_has_no_room_for_is_never_tried_again() -> None:
    pace = Pace(4.0)
    for size in (2, 2, 4, 8, 16):
        pace.note(KIND, size, 0.01)
    pace.overflow(KIND, 16)
    assert pace.best(KIND, 32) == 8
    pace.overflow(KIND, 8)
    assert pace.best(KIND, 32) == 4
    assert pace.best(("model", (32, 32)), 32) == 2  # another shape knows nothing of that


def test_a_batch_that_would_not_fit_into_what_is_free_is_not_tried() -> None:
    pace = Pace(4.0)
    for _ in range(3):
        pace.note(KIND, 4, 0.01, used=400)
    assert pace.best(KIND, 32, free=10_000) == 8
    assert pace.best(KIND, 32, free=600) == 6
    assert pace.best(KIND, 32, free=50) == 1


def test_the_usual_time_of_a_model_follows_the_newest() -> None:
    pace = Pace(4.0)
    assert pace.usual("model") is None
    pace.note(KIND, 1, 10.0)
    pace.note(KIND, 1, 0.0)
    assert 6 < (pace.usual("model") or 0) < 8
