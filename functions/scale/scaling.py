"""Looks at the queues and the workers, and asks for as many as there should be."""

from aws_lambda_powertools.metrics import MetricUnit

from functions.scale.policy import Aims, Memory, Seen, Wanted, decide
from shared.fleet import Workers
from shared.metrics import emit
from shared.settings import Settings
from shared.system import LANES, System


class Scaling:
    """What it remembers, it remembers as long as the process lasts."""

    def __init__(self) -> None:
        self._memory: Memory = ()

    def turn(self, system: System) -> Wanted:
        """Once a minute. What cannot be read changes nothing: this raises `Unavailable`."""
        seen, aims = look(system), aims_of(system.settings)
        wanted, self._memory = decide(aims, seen, self._memory)
        if wanted != Wanted(seen.spot.desired, seen.on_demand.desired):
            system.fleet().ask(wanted.spot, wanted.on_demand)
        tell(system.settings.stack, aims, seen, wanted)
        return wanted


def look(system: System) -> Seen:
    """What there is now."""
    fleet, pool = system.fleet(), system.settings.pool
    return Seen(
        at=system.now().timestamp(),
        backlog={lane: fleet.backlog(f"{pool}-{lane}") for lane in LANES},
        spot=fleet.spot(),
        on_demand=fleet.on_demand(),
    )


def aims_of(settings: Settings) -> Aims:
    """What the deployment's settings want."""
    return Aims(
        floor=settings.fleet_floor,
        ceiling=settings.fleet_ceiling,
        job_seconds=settings.fleet_job_seconds,
        waits={
            "interactive": settings.fleet_interactive_wait,
            "bulk": settings.fleet_bulk_wait,
        },
        patience=settings.fleet_patience,
        linger=settings.fleet_linger,
    )


def tell(stack: str, aims: Aims, seen: Seen, wanted: Wanted) -> None:
    """Publish what was seen and decided. A fleet that sleeps has nothing to tell: CloudWatch takes
    money for each metric in each hour that it is told of."""
    jobs = sum(one.waiting + one.taken for one in seen.backlog.values())
    running = seen.spot.running + seen.on_demand.running
    if not (jobs or running or wanted.spot):
        return
    backlog = jobs / max(running, 1)
    emit(
        stack,
        {
            "Backlog": (MetricUnit.Count, jobs),
            "BacklogPerWorker": (MetricUnit.Count, backlog),
            "ExpectedWait": (MetricUnit.Seconds, backlog * aims.job_seconds),
            "WorkersWanted": (MetricUnit.Count, wanted.spot),
            "WorkersRunning": (MetricUnit.Count, running),
            "WorkersProvisioning": (MetricUnit.Count, _provisioning(seen.spot, seen.on_demand)),
            "WorkersOnDemand": (MetricUnit.Count, seen.on_demand.running),
        },
    )


def _provisioning(*kinds: Workers) -> int:
    return sum(len(one.provisioning) for one in kinds)
