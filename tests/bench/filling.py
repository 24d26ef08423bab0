"""Jobs that are queued before a machine starts."""

from functools import partial
from pathlib import Path

from pydantic_core import to_json

from functions.submission import submit
from gpu_worker.registry import Registry
from shared.bootstrap import assemble
from shared.contract import JobRequest
from shared.settings import Settings
from shared.system import System
from tests.bench.machine import MODELS

AT_ONCE = 1_000


def prepared(data: Path) -> System:
    """The system of a new data folder, as the machine will have it."""
    data.mkdir()
    catalogue = data / "catalogue.json"
    catalogue.write_bytes(to_json(Registry((MODELS,), "cpu").cards()))
    return assemble(Settings(data=data, catalogue=catalogue))


def fill(system: System, tenant: str, model: str, count: int) -> list[str]:
    """So many jobs of one tenant, many in one commit; their ids."""
    ids: list[str] = []
    while len(ids) < count:
        size = min(AT_ONCE, count - len(ids))
        ids += system.together(partial(some, system, tenant, model, size))
    return ids


def some(system: System, tenant: str, model: str, count: int) -> list[str]:
    request = JobRequest(model=model, input={})
    return [submit(system, tenant, request).id for _ in range(count)]
