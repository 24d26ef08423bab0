"""One system under test, and what a test must know beside its ports."""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from shared.aws import cloud
from shared.aws.clients import Clients
from shared.contract import Status
from shared.embedded.queue import SqliteQueue
from shared.embedded.system import embedded
from shared.embedded.table import SqliteTable
from shared.ports import Queue, Table
from shared.records import JobRecord
from shared.settings import Settings
from shared.system import System
from tests.contract.resources import FRAIL_RECEIVES, deploy, stream_images

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class World:
    """A system over one set of adapters."""

    kind: str
    system: System
    tick: float
    """The shortest visibility timeout that the queue can count."""
    frail: Queue
    """It buries a letter after `FRAIL_RECEIVES` receives, in `frail_dead`."""
    frail_dead: Queue
    announced: Callable[[], list[str]]
    """The partition keys that the stream brought to `notify` so far."""
    lapse: Callable[[float], None] = time.sleep
    """Let time pass for the queue."""
    clients: Clients | None = None
    listening: socket.socket | None = None
    """Where the front of an embedded system is to serve its signed URLs."""

    @property
    def table(self) -> Table:
        return self.system.table

    @property
    def queue(self) -> Queue:
        return self.system.queue("standard-interactive")


def one_machine(folder: Path, listening: socket.socket) -> World:
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    system = embedded(Settings(data=folder, disk_reserve=0, public_url=url), folder)
    table = system.table
    assert isinstance(table, SqliteTable)
    return World(
        kind="embedded",
        system=system,
        tick=0.3,
        frail=SqliteQueue(table.database, "frail", max_receives=FRAIL_RECEIVES),
        frail_dead=SqliteQueue(table.database, "frail-dead"),
        announced=lambda: [entry.pk for entry in table.announcements(100)],
        listening=listening,
    )


def in_the_cloud(kind: str, clients: Clients, name: str) -> World:
    system = cloud(deploy(clients, name), clients)
    return World(
        kind=kind,
        system=system,
        tick=1,
        frail=system.queue("frail"),
        frail_dead=system.queue("frail-dead"),
        announced=lambda: _announced(clients, name),
        clients=clients,
    )


def _announced(clients: Clients, table: str) -> list[str]:
    """The stream as the filter of `notify` lets it through."""
    images = stream_images(clients, table)
    return [image["pk"]["S"] for image in images if image.get("announce") == {"N": "1"}]


def job(job_id: str = "job-1", **changes: Any) -> JobRecord:
    fields: dict[str, Any] = {
        "id": job_id,
        "tenant": "ada",
        "status": Status.QUEUED,
        "model": "paint",
        "model_version": "1",
        "pool": "standard",
        "lane": "interactive",
        "input": {"text": "一只猫"},
        "params": {},
        "seed": 1,
        "count": 1,
        "created_at": NOW,
    }
    return JobRecord(**{**fields, **changes})
