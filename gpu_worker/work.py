"""One attempt at one job: prepare → generate → encode → store → commit."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from gpu_worker.blame import blamed
from gpu_worker.daemon import Daemon
from gpu_worker.hold import Hold, Stop
from gpu_worker.model import Encoded, Interrupted, Model, Sample, Step
from gpu_worker.prepare import Prepared, prepare
from gpu_worker.registry import Registry
from gpu_worker.store import provenance, store
from gpu_worker.waits import before_retry, before_return, patiently
from shared import lifecycle
from shared.contract import JobError
from shared.errors import AtelierError, InputError, StaleAttempt, Unavailable
from shared.lifecycle import Transition
from shared.logs import Logger
from shared.orphans import remove_orphans
from shared.records import JobRecord
from shared.seeds import artwork_seed
from shared.system import System

logger = Logger(service="worker")


class Attempt:
    """One hold on one job, from its inputs to its end."""

    def __init__(
        self, system: System, registry: Registry, model: Model, hold: Hold, aside: Daemon
    ) -> None:
        self.system, self.registry, self.model, self.hold = system, registry, model, hold
        self.aside = aside
        """The thread in which inputs are fetched and decoded."""
        self.job = hold.job
        self.trouble: Unavailable | None = None
        """Which of our services has failed the attempt."""
        self._stored = False
        """Blobs are stored that may never be committed."""

    def run(self) -> float | None:
        """Work until the job has ended, or give it back.

        Returns None where its message is done with, else the seconds until it should be seen again.
        """
        try:
            return self._run()
        finally:
            if self._stored:
                self._tidy()

    def _run(self) -> float | None:
        try:
            self._make()
        except Interrupted:
            return self._stopped()
        except StaleAttempt:
            self.hold.end(Stop.LOST)
            return self._stopped()
        except Unavailable as error:
            return self._postpone(error)
        except InputError as error:
            return self._try_again(error) if error.retryable else self._give_up(error)
        except AtelierError as error:
            return self._try_again(error)
        except Exception as error:  # a bug of ours ends no worker, and no budget
            logger.exception("the attempt failed", extra={"job_id": self.job.id})
            return self._try_again(AtelierError(f"{type(error).__name__} in the worker"))
        return None

    def _make(self) -> None:
        self.hold.step()
        prepared = self._prepare()
        with self.hold.working("loading"), blamed(self.model):
            self.registry.ready(self.model)
        for indices in self._batches():
            raw = self._generate(prepared, indices)
            for index, one in zip(indices, raw, strict=True):
                self._commit(prepared, index, self._encode(prepared, one))

    def _prepare(self) -> Prepared:
        """In a thread of its own: neither a slow server nor a slow decoder holds up a cancel."""
        with self.hold.working("preparing"):
            future = self.aside.submit(lambda: prepare(self.system, self.job, self.model))
            try:
                return self.hold.wait_for(future)
            finally:
                if not future.done():
                    self.aside.abandon()

    def _batches(self) -> Iterator[Sequence[int]]:
        size = self.model.about.limits.get("batch", 1)
        missing = self.job.missing
        for start in range(0, len(missing), size):
            yield missing[start : start + size]

    def _generate(self, prepared: Prepared, indices: Sequence[int]) -> Sequence[Any]:
        samples = [self._sample(prepared, index) for index in indices]
        with self.hold.batch(), blamed(self.model):
            return self.model.generate(samples, self._step(len(indices)))

    def _sample(self, prepared: Prepared, index: int) -> Sample:
        return Sample(prepared.decoded, prepared.params, artwork_seed(self.job.seed, index))

    def _step(self, size: int) -> Step:
        done, count = len(self.job.artworks), self.job.count
        return lambda share: self.hold.step((done + share * size) / count, share)

    def _encode(self, prepared: Prepared, raw: Any) -> Encoded:
        with self.hold.working("generating"), blamed(self.model):
            return self.model.encode(raw, prepared.params)

    def _commit(self, prepared: Prepared, index: int, encoded: Encoded) -> None:
        """Store, then name. What is made is not thrown away because a service stumbles."""
        manifest = provenance(
            self.system, self.registry, self.model, self.job, prepared, encoded, index
        )
        now, lease = self.system.now(), self.hold.lease

        def keep() -> None:
            self.hold.check()
            self._stored = True
            made = store(self.system, self.job, encoded, index, manifest)
            self._apply(lambda job: lifecycle.commit(job, lease, made, now))
            self._stored = made not in self.job.artworks
            if self._stored:  # it was canceled just now
                raise StaleAttempt(f"job {self.job.id} has ended")

        patiently(self.system.settings.visibility, keep)

    def _stopped(self) -> float | None:
        stop, lease = self.hold.stop, self.hold.lease
        logger.info("stopped", extra={"job_id": self.job.id, "reason": stop and stop.name})
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
        logger.warning("a service failed", extra={"job_id": self.job.id, "reason": str(error)})
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
        now = self.system.now()
        try:
            patiently(
                self.system.settings.visibility,
                lambda: self._apply(lambda job: transition(job, now)),
            )
        except StaleAttempt:
            logger.info("the job was lost meanwhile", extra={"job_id": self.job.id})
            return self.system.settings.visibility
        except Unavailable as error:
            self.trouble = error
            return before_return(self.job)
        return None if self.job.status.ended else wait

    def _tidy(self) -> None:
        """The job may have ended long ago, and then nobody else removes what we have stored."""
        try:
            current = self.system.table.get(JobRecord, self.job.id)
            buried = lifecycle.bury(self.job, self.system.now())
            remove_orphans(self.system, current or buried)
        except Unavailable:
            logger.warning("blobs may have been left", extra={"job_id": self.job.id})

    def _apply(self, transition: Transition) -> None:
        self.job = lifecycle.apply(self.system.table, self.job, transition)


def _reason(error: AtelierError) -> JobError:
    return JobError(code=error.code, message=str(error), retryable=error.retryable)
