"""The system under measurement: `python -m local up`, one worker, one torch thread, a disk."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.processes import Processes
from tests.machine import Running, running

MODELS = "tests.bench.models"
ENVIRONMENT = {"ATELIER_THREADS": "1", "OMP_NUM_THREADS": "1", "ATELIER_DEFAULT_MODEL": "null"}


@contextmanager
def started(folder: Path) -> Iterator[tuple[Running, Processes]]:
    """A machine in that folder, with the models of the benchmarks."""
    with running(folder, "--workers", "1", "--models", MODELS, **ENVIRONMENT) as machine:
        yield machine, Processes(machine.process.pid)


def by_part(machine: Running) -> dict[str, float]:
    """Seconds of CPU that front, pump, worker and supervisor have used until now."""
    parts = {
        name.rpartition(".")[2]: Processes(pid).cpu() for name, pid in machine.children().items()
    }
    everything = Processes(machine.process.pid).cpu()
    return parts | {"supervisor": everything - sum(parts.values())}
