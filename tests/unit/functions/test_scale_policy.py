"""There are as many workers as there is work for: from none, to none, and never up and down."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.scale.policy import Aims, Memory, Seen, Wanted, decide, needed
from functions.scale.scaling import aims_of
from shared.fleet import Backlog, Workers
from shared.settings import Settings
from shared.system import LANES
from tests.cloudformation import template

AIMS = Aims(
    ceiling=20,
    job_seconds=6,
    waits={"interactive": 60, "bulk": 600},
    patience=300,
    linger=300,
)
MINUTE = 60.0


@dataclass
class Cloud:
    """ECS as the policy sees it, a minute at a time: a task runs a minute after it was asked for,
    where its kind has instances left."""

    aims: Aims = AIMS
    spot_instances: int = 100
    memory: Memory = ()
    minute: int = 0
    spot: Workers = field(default_factory=Workers)
    on_demand: Workers = field(default_factory=Workers)

    def look(self, interactive: int = 0, bulk: int = 0, taken: int = 0) -> Wanted:
        backlog = {"interactive": Backlog(interactive, taken), "bulk": Backlog(bulk)}
        seen = Seen(self.minute * MINUTE, backlog, self.spot, self.on_demand)  # type: ignore[arg-type]
        wanted, self.memory = decide(self.aims, seen, self.memory)
        self.minute += 1
        self.spot = self._tasks(self.spot, wanted.spot, self.spot_instances)
        self.on_demand = self._tasks(self.on_demand, wanted.on_demand, 100)
        return wanted

    def minutes(self, count: int, interactive: int = 0) -> list[Wanted]:
        return [self.look(interactive) for _ in range(count)]

    @staticmethod
    def _tasks(before: Workers, desired: int, instances: int) -> Workers:
        running = min(desired, instances)
        waited = [seconds + MINUTE for seconds in before.provisioning] + [MINUTE] * desired
        return Workers(desired, running, tuple(waited[: desired - running]))


# --- How many -------------------------------------------------------------------------------------


def test_without_work_there_is_nobody() -> None:
    assert Cloud().look() == Wanted(0, 0)


@pytest.mark.parametrize("backlog", [{"interactive": 1}, {"bulk": 1}, {"taken": 1}])
def test_a_single_job_starts_a_worker_at_once(backlog: dict[str, int]) -> None:
    assert Cloud().look(**backlog) == Wanted(1, 0)


def test_a_backlog_is_done_within_the_time_that_its_lane_may_wait() -> None:
    assert Cloud().look(interactive=100).spot == 10  # 600 s of work in 60 s
    assert Cloud().look(bulk=100).spot == 1  # in 600 s
    assert Cloud().look(interactive=95, bulk=100).spot == 11  # one worker does some of both


def test_what_workers_have_taken_is_work_until_it_is_done() -> None:
    assert Cloud().look(interactive=30, taken=70).spot == 10


def test_a_crowd_gets_the_ceiling_and_no_more() -> None:
    assert Cloud().look(interactive=1_000_000) == Wanted(20, 0)


def test_the_floor_is_there_whatever_there_is_to_do() -> None:
    assert Cloud(replace(AIMS, floor=2)).minutes(30)[-1] == Wanted(2, 0)


def test_a_ceiling_below_the_floor_is_the_ceiling() -> None:
    assert Cloud(replace(AIMS, floor=5, ceiling=3)).look(interactive=1000) == Wanted(3, 0)


# --- When they go ---------------------------------------------------------------------------------


def test_a_worker_stays_for_a_while_after_the_last_job() -> None:
    cloud = Cloud()
    cloud.look(interactive=1)
    counts = [one.spot for one in cloud.minutes(8)]
    assert counts == [1, 1, 1, 1, 1, 0, 0, 0]


def test_a_lull_sends_nobody_home() -> None:
    cloud = Cloud()
    waves = [100, 0, 0, 60, 0] * 5
    assert {cloud.look(interactive=one).spot for one in waves} == {10}


def test_a_fleet_shrinks_to_what_was_needed_lately() -> None:
    cloud = Cloud()
    cloud.look(interactive=100)
    counts = [one.spot for one in cloud.minutes(8, interactive=30)]
    assert counts == [10, 10, 10, 10, 10, 3, 3, 3]


def test_who_has_forgotten_lets_nobody_go_too_early() -> None:
    cloud = Cloud()
    cloud.minutes(4, interactive=100)
    cloud.memory = ()
    assert [one.spot for one in cloud.minutes(7)] == [10, 10, 10, 10, 10, 10, 0]


def test_a_deploy_that_resets_the_services_is_put_right_at_the_next_look() -> None:
    cloud = Cloud()
    cloud.minutes(3, interactive=100)
    cloud.spot = Workers()
    assert cloud.look(interactive=10).spot == 10


# --- When spot has none ---------------------------------------------------------------------------


def test_on_demand_stands_in_for_what_spot_has_owed_for_minutes() -> None:
    cloud = Cloud(spot_instances=4)
    wanted = cloud.minutes(8, interactive=100)
    assert {one.spot for one in wanted} == {10}  # asked for all the same
    assert [one.on_demand for one in wanted] == [0, 0, 0, 0, 0, 6, 6, 6]


def test_who_waits_for_an_instance_that_is_on_its_way_is_left_to_wait() -> None:
    late = Workers(desired=3, running=0, provisioning=(120.0, 120.0, 120.0))
    wanted, _ = decide(AIMS, Seen(0, {"interactive": Backlog(30)}, late))
    assert wanted == Wanted(3, 0)


def test_a_worker_that_does_not_start_on_its_instance_gets_no_other() -> None:
    """An image that fails, for one: nothing is provisioning, and on-demand would fail as well."""
    cloud = Cloud()
    for _ in range(30):
        cloud.look(interactive=100)
        cloud.spot = Workers(desired=10, running=0)
    assert cloud.look(interactive=100) == Wanted(10, 0)


def test_on_demand_goes_when_spot_has_held_for_a_while() -> None:
    cloud = Cloud(spot_instances=4)
    cloud.minutes(8, interactive=100)
    cloud.spot_instances = 100
    assert [one.on_demand for one in cloud.minutes(8, interactive=100)] == [6] * 6 + [0] * 2


def test_at_the_ceiling_it_goes_at_once() -> None:
    cloud = Cloud(replace(AIMS, ceiling=10), spot_instances=4)
    cloud.minutes(8, interactive=100)
    cloud.spot_instances = 100
    assert [one.on_demand for one in cloud.minutes(3, interactive=100)] == [6, 0, 0]


def test_on_demand_stays_when_ecs_gives_up_a_task_and_makes_a_new_one() -> None:
    """Then nothing has waited for long, and there is as little spot as before."""
    cloud = Cloud(spot_instances=4)
    cloud.minutes(8, interactive=100)
    cloud.spot = replace(cloud.spot, provisioning=(1.0,) * 6)
    assert cloud.look(interactive=100) == Wanted(10, 6)


def test_on_demand_goes_with_the_work() -> None:
    cloud = Cloud(spot_instances=0)
    cloud.minutes(8, interactive=100)
    assert cloud.minutes(8)[-1] == Wanted(0, 0)


# --- Whatever comes -------------------------------------------------------------------------------

jobs = st.builds(Backlog, st.integers(0, 1_000_000), st.integers(0, 1_000_000))
backlogs = st.fixed_dictionaries({"interactive": jobs, "bulk": jobs})
tasks = st.integers(0, 50)
ages = st.lists(st.floats(0, 4000), max_size=5).map(tuple)
workers = st.builds(Workers, tasks, tasks, ages)
looks = st.lists(st.builds(Seen, st.floats(1, 200), backlogs, workers, workers), max_size=10)
aims = st.builds(
    Aims,
    floor=st.integers(0, 5),
    ceiling=st.integers(5, 50),
    job_seconds=st.floats(0.01, 600),
    waits=st.fixed_dictionaries({"interactive": st.floats(1, 600), "bulk": st.floats(1, 7200)}),
)


@settings(deadline=None)
@given(aims, looks)
def test_whatever_comes_it_keeps_its_bounds(aims: Aims, looks: list[Seen]) -> None:
    """There are as many as are needed now, within floor and ceiling; on demand is asked for what is
    missing only; and what is remembered stays short."""
    memory: Memory = ()
    now = 0.0
    for look in looks:
        now += look.at
        wanted, memory = decide(aims, replace(look, at=now), memory)
        assert min(needed(aims, look.backlog), aims.ceiling) <= wanted.spot
        assert aims.floor <= wanted.spot <= aims.ceiling
        assert wanted.on_demand >= 0
        assert wanted.on_demand == 0 or wanted.on_demand + look.spot.running <= aims.ceiling
        assert all(now - one.at <= aims.linger for one in memory)


@settings(deadline=None)
@given(aims, jobs, jobs)
def test_more_work_never_needs_fewer(aims: Aims, some: Backlog, more: Backlog) -> None:
    both = Backlog(some.waiting + more.waiting, some.taken + more.taken)
    for lane in LANES:
        assert needed(aims, {lane: both}) >= needed(aims, {lane: some})


# --- What it aims at ------------------------------------------------------------------------------


def test_the_settings_aim_at_what_the_policy_does_by_itself() -> None:
    assert aims_of(Settings()) == Aims()


@pytest.mark.parametrize(
    ("parameter", "setting"),
    [
        ("MinWorkers", "fleet_floor"),
        ("MaxWorkers", "fleet_ceiling"),
        ("JobSeconds", "fleet_job_seconds"),
        ("WaitTarget", "fleet_interactive_wait"),
        ("BulkWaitTarget", "fleet_bulk_wait"),
    ],
)
def test_a_stack_aims_at_the_same(parameter: str, setting: str) -> None:
    assert template()["Parameters"][parameter]["Default"] == getattr(Settings(), setting)
