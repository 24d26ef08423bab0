"""The event pump: carries events from where they arise to the functions that take them.

In the cloud this is the work of event source mappings and of EventBridge. Each source has a thread
of its own, so none waits for another.
"""

import logging
import signal
import threading
from collections.abc import Callable

from local import logs
from local.deliveries import Deliveries
from local.drops import Drops
from local.http_events import Handler
from local.lost_workers import LostWorkers
from local.objects import Objects
from local.ready import tell_ready
from local.schedule import Schedule
from local.stream import Stream
from shared import lifeline
from shared.bootstrap import connect
from shared.embedded.blobs import FolderBlobs
from shared.embedded.table import SqliteTable
from shared.settings import settings
from shared.system import System

logger = logging.getLogger("pump")

DRAIN_SECONDS = 3.0
FAILED_SECONDS = 1.0

Turn = Callable[[], None]


def _functions() -> dict[str, Handler]:
    from functions.deliver.handler import handler as deliver
    from functions.ingest.handler import handler as ingest
    from functions.notify.handler import handler as notify
    from functions.sweep.handler import handler as sweep

    return {"deliver": deliver, "ingest": ingest, "notify": notify, "sweep": sweep}


def turns(system: System, functions: dict[str, Handler], drops: Drops) -> dict[str, Turn]:
    """What each thread does, over and over: look for work, wait a while for it, do it."""
    table, inbox, artworks = system.table, system.inbox, system.artworks
    if not isinstance(table, SqliteTable):
        raise TypeError("the pump serves the embedded adapters only: set ATELIER_DATA")

    def collect_garbage() -> None:
        table.collect_garbage()
        for blobs in (inbox, artworks):
            if isinstance(blobs, FolderBlobs):
                blobs.collect_garbage()

    return {
        "stream": Stream(table, functions["notify"], system.settings.table).turn,
        "objects": Objects(system, functions["ingest"]).turn,
        "deliveries": Deliveries(system, functions["deliver"]).turn,
        "schedule": Schedule(functions["sweep"], collect_garbage, system.now).turn,
        "lost workers": LostWorkers(system, table).turn,
        "drops": drops.turn,
    }


def forever(name: str, turn: Turn, stopping: threading.Event) -> None:
    """One thread's life. What fails is told, and tried again after a moment."""
    while not stopping.is_set():
        try:
            turn()
        except Exception:
            logger.exception("a turn of the pump failed", extra={"source": name})
            stopping.wait(FAILED_SECONDS)


def main() -> None:
    """Pump until SIGTERM."""
    lifeline.hold(lifeline.end_within(DRAIN_SECONDS + 2.0))
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    chosen = settings()
    logs.configure(chosen.log_level)
    drops = Drops(connect())
    with drops.watching():
        for name, turn in turns(connect(), _functions(), drops).items():
            thread = threading.Thread(
                target=forever, args=(name, turn, stopping), name=name, daemon=True
            )
            thread.start()
        tell_ready()
        stopping.wait()


if __name__ == "__main__":
    main()
