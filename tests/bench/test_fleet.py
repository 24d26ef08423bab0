"""The simulation of the fleet keeps the product's own rules, and says what it promises."""

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random

import numpy as np
import pytest
from simpy import Environment

from functions.scale.policy import Aims
from shared.bootstrap import assemble
from shared.settings import Settings
from tests.bench.fleet import days, picture, sweep
from tests.bench.simulated.arrivals import DAY, HOUR, Arrivals, arrivals, launch, steady
from tests.bench.simulated.lanes import FairLane
from tests.bench.simulated.market import ON_DEMAND, SPOT, Drought, Market
from tests.bench.simulated.models import SimulatedModel, job_seconds
from tests.bench.simulated.pool import Pool
from tests.bench.simulated.rules import Fixed, Ours, Tracking
from tests.bench.simulated.run import ran, summed_up
from tests.bench.simulated.worker import Worker

SECOND = SimulatedModel("second", 1.0, 0.0, 1.0, 1, 1, 0.0)
AIMS = Aims(ceiling=50, job_seconds=job_seconds())


def same_time(tenants: list[int], bulk: list[bool]) -> Arrivals:
    count = len(tenants)
    return Arrivals([0.0] * count, tenants, bulk, [0] * count, (SECOND,))


def test_letters_come_in_the_order_of_the_real_queue(tmp_path: Path) -> None:
    queue = assemble(Settings(data=tmp_path)).queue("standard-interactive")
    lane, random, sent = FairLane(), Random(1), 0
    for _ in range(60):
        for _ in range(random.randrange(6)):
            tenant = min(random.randrange(8), random.randrange(8))
            queue.send(str(sent), str(tenant))
            lane.send(sent, tenant)
            sent += 1
        limit = random.randrange(1, 5)
        real = [int(letter.body) for letter in queue.receive(limit, 600)]
        assert [job for _, job in lane.receive(limit)] == real


def test_who_submits_much_holds_up_nobody_else() -> None:
    env = Environment()
    pool = Pool(env, same_time([0] * 100 + [1], [False] * 101))
    env.process(Worker(pool).work())
    env.run(until=pool.finished)
    assert pool.begun[100] < 20
    assert max(pool.begun) == 100


def test_bulk_gets_one_in_five_while_somebody_waits() -> None:
    env = Environment()
    pool = Pool(env, same_time([0] * 200, [False] * 100 + [True] * 100))
    taken = [pool.receive(1, turn)[0][1] for turn in range(1, 101)]
    assert sum(job >= 100 for job in taken) == 20


def test_batches_share_the_device() -> None:
    wide = SimulatedModel("wide", 1.0, 1.0, 0.0, 8, 1, 0.0)
    env = Environment()
    pool = Pool(env, Arrivals([0.0] * 81, [0] * 81, [False] * 81, [0] * 81, (wide,)))
    env.process(Worker(pool).work())
    env.run(until=pool.finished)
    assert 11 <= env.now <= 14  # the first comes alone: nothing is known yet


def test_models_make_room_for_each_other() -> None:
    kinds = [SimulatedModel(name, 0.5, 0.0, 1.0, 1, 18, 10.0) for name in "ab"]
    env = Environment()
    jobs = Arrivals([0.0] * 4, [0] * 4, [False] * 4, [0, 1, 0, 1], kinds)
    pool = Pool(env, jobs)
    env.process(Worker(pool).work())
    env.run(until=pool.finished)
    assert env.now == 4 * 1 + 2 * 10  # both were loaded once, one for the other
    assert pool.busy == 4


def test_our_fleet_comes_goes_and_makes_everything() -> None:
    coming = arrivals(40_000, launch(), seed=2)
    day = ran(coming, Market(), Ours(AIMS))
    paid = [instances for _, _, instances in day.minutes]
    assert (day.waits >= 0).all()
    assert max(paid) > 2 * paid[-1]
    assert summed_up(day)["p95_s"] < 600


def test_it_sleeps_where_target_tracking_does_not() -> None:
    """Ten jobs at noon, and nothing else."""
    few = Arrivals([12 * HOUR + second for second in range(10)], [0] * 10, [False] * 10, [0] * 10)
    ours = ran(few, Market(), Ours(AIMS))
    theirs = ran(few, Market(), Tracking(30, 50))
    assert ours.bill.seconds[SPOT] < 2 * HOUR
    assert theirs.bill.seconds[SPOT] > DAY - HOUR
    assert max(ours.waits) < 600
    assert {paid for at, _, paid in ours.minutes if at < 12 * HOUR} == {0}


def test_a_drought_is_bridged_on_demand() -> None:
    market = Market(droughts=(Drought(6 * HOUR, 9 * HOUR, 1.0),))
    coming = arrivals(20_000, steady(), seed=3)
    ours, theirs = (ran(coming, market, rule) for rule in (Ours(AIMS), Tracking(30, 50)))
    dry = np.array([6 * HOUR < at < 9 * HOUR for at in coming.at])
    assert ours.bill.lost > 0
    assert ours.bill.seconds[ON_DEMAND] > 0
    assert np.percentile(ours.waits[dry], 95) < np.percentile(theirs.waits[dry], 95) / 2


def test_what_is_paid_for_is_what_is_there() -> None:
    day = ran(arrivals(100, steady(), seed=4), Market(), Fixed(3))
    assert day.bill.seconds == {SPOT: 0.0, ON_DEMAND: 3 * DAY}
    assert {paid for _, _, paid in day.minutes} == {3}


def test_the_same_seed_gives_the_same_day() -> None:
    coming = arrivals(2000, launch(), seed=5)
    days = [ran(coming, Market(), Ours(AIMS)) for _ in range(2)]
    assert summed_up(days[0]) == summed_up(days[1])


@pytest.mark.slow
def test_every_day_is_measured_and_drawn(tmp_path: Path) -> None:
    drawn = tmp_path / "fleet.png"
    with ProcessPoolExecutor(1) as pool:
        found = days(20_000, pool) | sweep(2_000, pool)
        picture(20_000, pool, drawn)
    assert drawn.read_bytes().startswith(b"\x89PNG")
    assert found.keys() == {"evening", "steady", "launch", "launch without spot", "sweep"}
    for name in found.keys() - {"sweep"}:
        assert {"p95_s", "dollars", "busy"} <= found[name]["ours"].keys()
    assert found["sweep"]["the defaults"].keys() == found["sweep"]["linger 0 s"].keys()
