"""How an attempt ends: what is written of it, and when its message is to be seen again."""

from collections.abc import Callable
from datetime import datetime, timedelta

from gpu_worker.hold import Stop
from gpu_worker.model import Interrupted
from gpu_worker.waits import before_retry, before_return, patiently
from gpu_worker.work import Attempt
from shared import lifecycle
from shared.contract import JobError
from shared.errors import AtelierError, InputError, StaleAttempt, Unavailable
from shared.logs import Logger
from shared.orphans import remove_orphans
from shared.records import JobRecord

logger = Logger(service="worker")


class Ending:
    """Of one attempt, of which nothing more is made."""

    def __init__(self, attempt: Attempt) -> None:
        self.system, self.hold, self.job = attempt.system, attempt.hold, attempt.job
        self.trouble: Exception | None = None
        """Which of our services has failed the attempt."""
        self._error, self._stored = attempt.error, attempt.stored

    def write(self) -> float | None:
        """The job has ended, or is given back.

        Returns None where its message is done with, else the seconds until it should be seen again.
        """
        try:
            return self._write(self._error)
        finally:
            if self._stored:
                self._tidy()

    def _write(self, error: BaseException | None) -> float | None:
        match error:
            case None if self.job.status.ended:
                return None
            case None:
                return self._stopped()
            case Interrupted() if self.hold.stop:  # else a model has made it up
                return self._stopped()
            case StaleAttempt():
                self.hold.end(Stop.LOST)
                return self._stopped()
            case Unavailable():
                return self._postpone(error)
            case InputError(retryable=False):
                return self._give_up(error)
            case AtelierError():
                return self._try_again(error)
        # a bug of ours ends no worker, and no budget
        logger.error("the attempt failed", extra=self._named(), exc_info=error)
        return self._try_again(AtelierError(f"{type(error).__name__} in the worker"))

    def _tidy(self) -> None:
        """Blobs were stored that it does not name. The job may have ended long ago, and then nobody
        else removes them."""
        try:
            current = self.system.table.get(JobRecord, self.job.id)
            buried = lifecycle.bury(self.job, self.system.now())
            remove_orphans(self.system, current or buried)
        except Unavailable:
            logger.warning("blobs may have been left", extra=self._named())

    def _stopped(self) -> float | None:
        stop, lease = self.hold.stop, self.hold.lease
        logger.info("stopped", extra={**self._named(), "reason": stop and stop.name})
        match stop:
            case Stop.LOST:
                return None if self.job.status.ended else self.system.settings.visibility
            case Stop.CANCELED:
                return self._end(lambda job, now: lifecycle.confirm_cancel(job, lease, now))
            case Stop.OVERDUE:
                return self._end(lifecycle.expire)
        return self._end(lambda job, now: lifecycle.hand_back(job, lease, now))

    def _give_up(self, error: AtelierError) -> float | None:
        lease, reason = self.hold.lease, _reason(error)
        return self._end(lambda job, now: lifecycle.fail(job, lease, reason, now))

    def _try_again(self, error: AtelierError) -> float | None:
        lease, reason, wait = self.hold.lease, _reason(error), before_retry(self.job)
        most = self.system.settings.max_tries
        return self._end(
            lambda job, now: lifecycle.retry(job, lease, reason, wait, now, most), wait
        )

    def _postpone(self, error: Unavailable) -> float | None:
        logger.warning("a service failed", extra={**self._named(), "reason": str(error)})
        self.trouble = error
        lease, reason, wait = self.hold.lease, _reason(error), before_return(self.job)
        patience = timedelta(seconds=self.system.settings.patience)
        return self._end(
            lambda job, now: lifecycle.postpone(job, lease, reason, wait, now, patience), wait
        )

    def _end(
        self, transition: Callable[[JobRecord, datetime], JobRecord], wait: float = 0.0
    ) -> float | None:
        """Write how the attempt has ended.

        Where not even that can be written, the job stays ours, with no sign of life: whoever sees
        its message next goes on with it, we at once and others after having watched it.
        """
        now, table = self.system.now(), self.system.table
        try:
            self.job = patiently(
                self.system.settings.visibility,
                lambda: lifecycle.apply(table, self.job, lambda job: transition(job, now)),
            )
        except StaleAttempt:
            logger.info("the job was lost meanwhile", extra=self._named())
            return self.system.settings.visibility
        except Unavailable as error:
            self.trouble = error
            return before_return(self.job)
        return None if self.job.status.ended else wait

    def _named(self) -> dict[str, object]:
        return {"job_id": self.job.id}


def _reason(error: AtelierError) -> JobError:
    return JobError(code=error.code, message=str(error), retryable=error.retryable)
