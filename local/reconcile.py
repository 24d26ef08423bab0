"""Putting things right after a sudden end, before any process starts.

The folder's lock says that nobody else works in it: whatever was held, its holder is dead.
"""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress

from functions.submission import send
from shared import lifecycle
from shared.embedded.blobs import FolderBlobs
from shared.embedded.recovery import release_letters, running, unsent
from shared.embedded.table import SqliteTable
from shared.errors import StaleAttempt
from shared.records import JobRecord
from shared.system import System

MOST_SENT = 1000
"""More lost letters than these are left to `sweep`: each costs a commit."""


def reconcile(system: System) -> None:
    """Free what was held, send what was lost, remove what was half written."""
    table = system.table
    if not isinstance(table, SqliteTable):
        raise TypeError("only one machine's data can be put right: set ATELIER_DATA")
    shutil.rmtree(table.database.folder / "bells", ignore_errors=True)
    for blobs in (system.inbox, system.artworks):
        if isinstance(blobs, FolderBlobs):
            blobs.collect_garbage(nobody_writes=True)
    release_letters(table.database)
    for job in _jobs(system, running(table.database)):
        let_go(system, job, blamed=False)
    for job in _jobs(system, unsent(table.database)[:MOST_SENT]):
        send(system, job)


def _jobs(system: System, ids: Iterable[str]) -> Iterator[JobRecord]:
    found = (system.table.get(JobRecord, job_id) for job_id in ids)
    return (job for job in found if job is not None)


def let_go(system: System, job: JobRecord, blamed: bool) -> None:
    """Free the job of this dead holder; of any other it is not freed."""
    now = system.now()

    def freed(current: JobRecord) -> JobRecord:
        same = (current.holder, current.attempt) == (job.holder, job.attempt)
        return lifecycle.let_go(current, now, blamed) if same else current

    with suppress(StaleAttempt):  # deleted just now
        lifecycle.apply(system.table, job, freed)
