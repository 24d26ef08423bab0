"""One attempt at one job: prepare → generate → encode → store → commit."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from aws_lambda_powertools import Logger

from gpu_worker.hold import Hold, Stop
from gpu_worker.model import Encoded, Interrupted, Model, Sample
from gpu_worker.prepare import Prepared, prepare
from gpu_worker.registry import Registry
from gpu_worker.store import provenance, store
from shared import lifecycle
from shared.backoff import decorrelated
from shared.contract import JobError
from shared.errors import AtelierError, InputError, ModelError, StaleAttempt
from shared.lifecycle import Transition
from shared.records import JobRecord
from shared.seeds import artwork_seed
from shared.system import System

logger = Logger(service="worker")

RETRY_LEAST, RETRY_MOST = 1.0, 60.0
"""Seconds between two attempts of a job."""


class Attempt:
    """One hold on one job, from its inputs to its end."""

    def __init__(
        self, system: System, registry: Registry, job: JobRecord, model: Model, hold: Hold
    ) -> None:
        self.system, self.registry, self.model, self.hold = system, registry, model, hold
        self.job = job

    def run(self) -> float | None:
        """Work until the job has ended, or give it back.

        Returns None where its message is done with, else the seconds until it should be seen again.
        """
        try:
            self._make()
        except Interrupted:
            return self._stopped()
        except StaleAttempt:
            self.hold.stop = Stop.LOST
            return self._stopped()
        except InputError as error:
            if error.retryable:
                return self._try_again(error)
            self._give_up(error)
        except MemoryError:
            return self._try_again(ModelError("out of memory", code="out_of_memory"))
        except AtelierError as error:
            return self._try_again(error)
        except Exception as error:  # a model may raise anything; the worker lives on
            logger.exception("the attempt failed", extra={"job_id": self.job.id})
            return self._try_again(ModelError(f"{type(error).__name__} in {self.job.model}"))
        return None

    def _make(self) -> None:
        self.hold.step()
        prepared = prepare(self.system, self.job, self.model)
        self.hold.stage = "loading"
        model = self.registry.ready(self.model)
        self.hold.stage = "generating"
        for indices in self._batches():
            samples = [self._sample(prepared, index) for index in indices]
            raw = model.generate(samples, self._progress(len(indices)))
            for index, one in zip(indices, raw, strict=True):
                self._commit(prepared, index, model.encode(one, prepared.params))

    def _batches(self) -> Iterator[Sequence[int]]:
        size = self.model.about.limits.get("batch", 1)
        missing = self.job.missing
        for start in range(0, len(missing), size):
            yield missing[start : start + size]

    def _sample(self, prepared: Prepared, index: int) -> Sample:
        return Sample(prepared.decoded, prepared.params, artwork_seed(self.job.seed, index))

    def _progress(self, size: int) -> Callable[[float], None]:
        done, count = len(self.job.artworks), self.job.count
        return lambda share: self.hold.step((done + share * size) / count)

    def _commit(self, prepared: Prepared, index: int, encoded: Encoded) -> None:
        """Store, then name. The last artwork and the job's success are one write."""
        self.hold.step()
        manifest = provenance(
            self.system, self.registry, self.model, self.job, prepared, encoded, index
        )
        made = store(self.system, self.job, encoded, index, manifest)
        now, lease = self.system.now(), self.hold.lease
        self._apply(lambda job: lifecycle.commit(job, lease, made, now))

    def _stopped(self) -> float | None:
        stop, lease = self.hold.stop, self.hold.lease
        logger.info("stopped", extra={"job_id": self.job.id, "reason": stop and stop.name})
        if stop is Stop.LOST:
            return self.system.settings.visibility
        if stop is Stop.DRAIN:
            self._end(lambda job, now: lifecycle.hand_back(job, lease, now))
            return 0.0
        if stop is Stop.CANCELED:
            self._end(lambda job, now: lifecycle.confirm_cancel(job, lease, now))
        else:
            self._end(lifecycle.expire)
        return None

    def _give_up(self, error: AtelierError) -> None:
        lease, reason = self.hold.lease, _reason(error)
        self._end(lambda job, now: lifecycle.fail(job, lease, reason, now))

    def _try_again(self, error: AtelierError) -> float | None:
        lease, reason = self.hold.lease, _reason(error)
        most = self.system.settings.max_tries
        wait = decorrelated(self.job.backoff, RETRY_LEAST, RETRY_MOST)
        self._end(lambda job, now: lifecycle.retry(job, lease, reason, wait, now, most))
        return None if self.job.status.ended else wait

    def _end(self, transition: Callable[[JobRecord, datetime], JobRecord]) -> None:
        now = self.system.now()
        try:
            self._apply(lambda job: transition(job, now))
        except StaleAttempt:
            logger.info("the job was lost meanwhile", extra={"job_id": self.job.id})

    def _apply(self, transition: Transition) -> None:
        self.job = lifecycle.apply(self.system.table, self.job, transition)


def _reason(error: AtelierError) -> JobError:
    return JobError(code=error.code, message=str(error), retryable=error.retryable)
