"""The instances of a fleet: ordered, started, stopped, lost and paid for."""

from dataclasses import dataclass, field
from typing import Any

from shared.fleet import Workers
from tests.bench.simulated.market import ON_DEMAND, SPOT, Chance, Drought, Market
from tests.bench.simulated.pool import Pool
from tests.bench.simulated.worker import Worker


@dataclass(eq=False)
class Instance:
    """One machine with one device, and its task."""

    kind: str
    ordered: float
    worker: Worker | None = None
    """Its task, once that runs."""
    billed: float | None = None
    """Since when."""
    placed: bool = False
    """Its machine is there, and fetches the image."""
    lost: bool = False
    canceled: bool = False
    unused: float | None = None
    """Since when it has had no task."""


@dataclass
class Bill:
    """What was paid for, in seconds, and how many instances were lost."""

    seconds: dict[str, float] = field(default_factory=lambda: {SPOT: 0.0, ON_DEMAND: 0.0})
    lost: int = 0


class Fleet:
    """As many tasks of each kind as are wanted, as far as the market has machines for them."""

    def __init__(self, pool: Pool, market: Market, seed: int) -> None:
        self.pool, self.env, self.market = pool, pool.env, market
        self.bill = Bill()
        self.wanted = {SPOT: 0, ON_DEMAND: 0}
        self._chance = Chance(market, seed)
        self._tasks: dict[str, list[Instance]] = {SPOT: [], ON_DEMAND: []}
        """Those that count: running, or on their way."""
        self._machines: list[Instance] = []
        """Those that are paid for."""
        for drought in market.droughts:
            self.env.process(self._dry_up(drought))

    def workers(self, kind: str) -> Workers:
        """As ECS tells of a service."""
        coming = [one for one in self._tasks[kind] if not one.worker]
        return Workers(
            desired=self.wanted[kind],
            running=len(self._tasks[kind]) - len(coming),
            provisioning=tuple(self.env.now - one.ordered for one in coming if not one.placed),
        )

    def paid(self) -> int:
        return len(self._machines)

    def warm(self, count: int) -> None:
        """So many are there from the beginning."""
        self.wanted[ON_DEMAND] = count
        for _ in range(count):
            instance = Instance(ON_DEMAND, self.env.now)
            self._tasks[ON_DEMAND].append(instance)
            self._launch(instance)
            self.env.process(self._task(instance, 0.0))

    def want(self, kind: str, count: int) -> None:
        """So many tasks of this kind from now on."""
        self.wanted[kind] = count
        tasks = self._tasks[kind]
        while len(tasks) < count:
            self._order(kind)
        surplus = len(tasks) - count
        for instance in sorted(tasks, key=_dispensable)[:surplus]:
            self._stop(instance)

    def settle(self) -> None:
        """The end: whatever still runs is paid up to now."""
        for instance in list(self._machines):
            self._terminate(instance)

    def _order(self, kind: str) -> None:
        """A task: on a machine that has none, or on a new one."""
        for machine in self._machines:
            if machine.kind == kind and machine.unused is not None and not machine.lost:
                machine.unused, machine.worker, machine.ordered = None, None, self.env.now
                self._tasks[kind].append(machine)
                begin = self._chance.about(self.market.begin)
                self.env.process(self._task(machine, begin))
                return
        instance = Instance(kind, self.env.now)
        self._tasks[kind].append(instance)
        self.env.process(self._arrive(instance))

    def _arrive(self, instance: Instance) -> Any:
        yield self.env.timeout(self._chance.react())
        while instance.kind == SPOT and self.market.dry(self.env.now):
            yield self.env.timeout(self.market.retry)
        if instance.canceled:
            return
        self._launch(instance)
        yield self.env.timeout(self._chance.about(self.market.launch))
        instance.placed = True
        yield from self._task(instance, self._chance.about(self.market.pull))

    def _launch(self, instance: Instance) -> None:
        instance.billed = self.env.now
        self._machines.append(instance)
        if instance.kind == SPOT:
            self.env.process(self._lose_later(instance))

    def _task(self, instance: Instance, begin: float) -> Any:
        yield self.env.timeout(begin)
        if instance.canceled or instance.lost:
            instance.canceled = False
            self.env.process(self._linger(instance))
            return
        worker = instance.worker = Worker(self.pool)
        yield from worker.work()
        if not instance.lost:
            self.env.process(self._linger(instance))

    def _stop(self, instance: Instance) -> None:
        self._tasks[instance.kind].remove(instance)
        if instance.worker:
            instance.worker.leave()
        else:
            instance.canceled = True

    def _linger(self, instance: Instance) -> Any:
        since = instance.unused = self.env.now
        yield self.env.timeout(self.market.linger)
        if instance.unused == since:
            self._terminate(instance)

    def _lose_later(self, instance: Instance) -> Any:
        yield self.env.timeout(self._chance.until_lost())
        yield from self._lose(instance)

    def _dry_up(self, drought: Drought) -> Any:
        yield self.env.timeout(drought.begin)
        for instance in [one for one in self._machines if one.kind == SPOT]:
            if self._chance.hit(drought.lost):
                self.env.process(self._lose(instance))

    def _lose(self, instance: Instance) -> Any:
        """The notice: what waits there goes back at once, and another task is ordered."""
        if instance.lost or instance not in self._machines:
            return
        instance.lost = True
        self.bill.lost += 1
        if instance in self._tasks[SPOT]:
            self._tasks[SPOT].remove(instance)
            self._order(SPOT)
        if instance.worker:
            instance.worker.leave(give_back=True)
        yield self.env.timeout(self.market.notice)
        self._terminate(instance)

    def _terminate(self, instance: Instance) -> None:
        if instance in self._machines:
            self._machines.remove(instance)
            assert instance.billed is not None
            self.bill.seconds[instance.kind] += self.env.now - instance.billed


def _dispensable(instance: Instance) -> tuple[int, float]:
    """On its way before idle before busy; the youngest first."""
    worker = instance.worker
    state = 0 if worker is None else 1 if worker.idle else 2
    return state, -instance.ordered
