"""What all attempts of a worker share."""

from gpu_worker.crew import Crew
from gpu_worker.device import Device
from gpu_worker.drain import Drain
from gpu_worker.flow import Flow
from gpu_worker.keeper import Keeper
from gpu_worker.occupancy import Occupancy
from gpu_worker.pace import Pace
from gpu_worker.registry import Registry
from shared.system import System


class Workshop:
    """The device, what keeps it busy, and what keeps the jobs meanwhile."""

    def __init__(self, system: System, registry: Registry, drain: Drain) -> None:
        self.system, self.registry, self.drain = system, registry, drain
        self.pace = Pace(system.settings.batch_latency)
        self.flow = Flow(system.settings.visibility)
        self.keeper = Keeper(system, drain)
        self.occupancy = Occupancy(system.settings.stack)
        self.device = Device(registry, self.pace, self.flow, self.keeper, self.occupancy, drain)
        self.keeper.on_tick = self.device.tend
        self.crew = Crew("attempt")
        """Threads for what attempts need beside the device."""
