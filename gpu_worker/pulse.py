"""A running job's sign of life."""

from shared.errors import StaleAttempt, WriteConflict
from shared.lifecycle import Lease
from shared.ports import Table
from shared.records import PulseRecord


class Pulse:
    """What one attempt writes beside its job, for others to see that it lives."""

    def __init__(self, table: Table, job_id: str, lease: Lease) -> None:
        self._table, self._job_id, self._lease = table, job_id, lease
        self._last: PulseRecord | None = None
        self._first = lease.attempt == 1
        """Nobody can have written one before the first attempt."""

    def beat(self, progress: float, stage: str) -> None:
        """One more. Raises `StaleAttempt` where a later attempt has a pulse.

        A beat whose answer was lost may have been written: the next one begins from what is there.
        """
        first, self._first = self._first, False
        last = None if first else self._last or self._table.get(PulseRecord, self._job_id)
        self._last = None
        if last is not None and last.attempt > self._lease.attempt:
            raise StaleAttempt(f"attempt {last.attempt} is alive")
        try:
            self._last = self._table.put(self._next(last, progress, stage))
        except WriteConflict:  # the job itself says whose it is
            if first:
                self.beat(progress, stage)

    def _next(self, last: PulseRecord | None, progress: float, stage: str) -> PulseRecord:
        return PulseRecord(
            version=last.version if last else 0,
            job=self._job_id,
            attempt=self._lease.attempt,
            beat=last.beat + 1 if last else 1,
            progress=max(progress, last.progress if last else 0.0),
            stage=stage,
        )
