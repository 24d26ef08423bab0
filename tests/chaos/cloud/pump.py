"""What event source mappings and EventBridge are in the cloud, and the functions behind them.

    python -m tests.chaos.cloud.pump ENDPOINT READ_TO

AWS itself is asked at ENDPOINT, past the faults: only what the functions ask meets with them.
READ_TO is a file with the place in the stream that has been reached.
"""

import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from functions.deliver.handler import handler as deliver
from functions.ingest.handler import handler as ingest
from functions.notify.handler import handler as notify
from functions.sweep.handler import handler as sweep
from local import logs
from local.envelopes import schedule_event
from local.http_events import Context, Handler
from local.objects import hand_over
from local.pump import forever
from shared import lifeline
from shared.aws import cloud
from shared.aws.clients import Clients
from shared.settings import settings
from shared.system import DELIVERIES, OBJECTS, System
from tests.chaos.cloud.stream import Stream

BATCH = 10
VISIBILITY_SECONDS = 20.0
"""Longer than a function is busy with a batch; many minutes in the template."""
WAIT_SECONDS = 2.0
SWEEP_SECONDS = 4.0
SENDERS = 3


@dataclass(frozen=True)
class Source:
    """A queue whose letters go to a function."""

    aws: System
    name: str
    function: Handler

    def turn(self) -> None:
        """Wait for letters and hand them over."""
        queue = self.aws.queue(self.name)
        letters = queue.receive(BATCH, VISIBILITY_SECONDS, WAIT_SECONDS)
        if letters:
            hand_over(queue, self.name, letters, self.function)


@dataclass(frozen=True)
class Schedule:
    """EventBridge's part."""

    aws: System

    def turn(self) -> None:
        """Sweep, then rest."""
        time.sleep(SWEEP_SECONDS)
        event = schedule_event("atelier-sweep", self.aws.now())
        sweep(event, Context("atelier-sweep", event["id"]))


def turns(aws: System, clients: Clients, read_to: Path) -> dict[str, Callable[[], None]]:
    """What each thread does, over and over."""
    return {
        "stream": Stream(clients, aws.settings.table, notify, read_to).turn,
        "objects": Source(aws, OBJECTS, ingest).turn,
        "schedule": Schedule(aws).turn,
        **{f"deliveries-{n}": Source(aws, DELIVERIES, deliver).turn for n in range(SENDERS)},
    }


def main() -> None:
    """Pump until SIGTERM."""
    endpoint, read_to = sys.argv[1:]
    lifeline.hold(lifeline.end_within(5.0))
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    logs.configure(settings().log_level)
    clients = Clients(endpoint)
    for name, turn in turns(cloud(settings(), clients), clients, Path(read_to)).items():
        threading.Thread(target=forever, args=(name, turn, stopping), daemon=True).start()
    stopping.wait()


if __name__ == "__main__":
    main()
