"""What a dead worker held is free at once, where its process is seen to be gone.

A worker's name carries its machine and its process id. Where the id has gone to another process, or
the machine is another, the job waits for a worker that sees no sign of life, as in the cloud.
"""

import logging
import socket
import time
from collections.abc import Callable

from local.reconcile import let_go
from shared.embedded.queue import SqliteQueue
from shared.embedded.recovery import running, runs
from shared.embedded.table import SqliteTable
from shared.message import job_message
from shared.records import JobRecord
from shared.system import System

logger = logging.getLogger("pump")

LOOK_SECONDS = 1.0


class LostWorkers:
    """Looks after the jobs of workers that have died."""

    def __init__(
        self, system: System, table: SqliteTable, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._system = system
        self._table = table
        self._sleep = sleep

    def turn(self) -> None:
        """Look at whoever holds a job, then sleep."""
        held = self._table.get_many(JobRecord, running(self._table.database))
        for job in held.values():
            if job.holder and is_dead(job.holder):
                self._free(job)
        self._sleep(LOOK_SECONDS)

    def _free(self, job: JobRecord) -> None:
        logger.warning("a worker is lost", extra={"job_id": job.id, "worker": job.holder})
        self._system.together(lambda: self._let_go(job))

    def _let_go(self, job: JobRecord) -> None:
        """The job and its message, or neither: nobody would look for the message of a free job."""
        let_go(self._system, job, blamed=True)
        lane = self._system.lane(job.pool, job.lane)
        if isinstance(lane, SqliteQueue):
            lane.release(job_message(job.id))


def is_dead(worker: str) -> bool:
    """Whether a worker of this name is dead for certain: `<machine>-<process id>-<token>`."""
    machine, _, rest = worker.rpartition("-")[0].rpartition("-")
    return machine == socket.gethostname() and rest.isdecimal() and not runs(int(rest))
