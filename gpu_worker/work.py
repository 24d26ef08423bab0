"""One attempt at one job: prepare → generate → encode → store → commit."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from gpu_worker.blame import blamed
from gpu_worker.flow import Course
from gpu_worker.hold import Hold, Stop
from gpu_worker.model import Interrupted, Model, Sample
from gpu_worker.prepare import Prepared, prepare
from gpu_worker.share import Raw, Share
from gpu_worker.store import Artwork, provenance, store
from gpu_worker.waits import before_retry, before_return, patiently
from gpu_worker.workshop import Workshop
from shared import lifecycle
from shared.contract import JobError
from shared.errors import AtelierError, InputError, StaleAttempt, Unavailable
from shared.lifecycle import Transition
from shared.logs import Logger
from shared.orphans import remove_orphans
from shared.records import JobRecord
from shared.seeds import artwork_seed

logger = Logger(service="worker")


class Attempt:
    """One hold on one job, from its inputs to its end, in a thread of its own."""

    def __init__(self, workshop: Workshop, model: Model, hold: Hold, course: Course) -> None:
        self.workshop, self.system = workshop, workshop.system
        self.model, self.hold, self.course = model, hold, course
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
        self.hold.step()
        share = self._share(prepared)
        self.workshop.flow.ready(self.course)
        self.workshop.device.put(share)
        try:
            while share.left:
                self.hold.wait_until(share.come)
                self._finish(prepared, share.take())
        finally:
            self.workshop.device.withdraw(share)

    def _prepare(self) -> Prepared:
        """In a thread of its own: neither a slow server nor a slow decoder holds up a cancel."""
        with self.workshop.keeper.spell([self.hold], "preparing"):
            future = self.workshop.aside.submit(lambda: prepare(self.system, self.job, self.model))
            future.add_done_callback(lambda _: self.hold.wake())
            self.hold.wait_until(future.done)
        return future.result()

    def _share(self, prepared: Prepared) -> Share:
        with blamed(self.model):
            shape = self.model.shape(prepared.decoded, prepared.params)
        samples = {index: self._sample(prepared, index) for index in self.job.missing}
        kind = (self.model.about.name, shape)
        return Share(self.hold, self.course, self.model, kind, samples)

    def _sample(self, prepared: Prepared, index: int) -> Sample:
        return Sample(prepared.decoded, prepared.params, artwork_seed(self.job.seed, index))

    def _finish(self, prepared: Prepared, raw: Sequence[Raw]) -> None:
        begun = time.monotonic()
        self.hold.storing = True
        try:
            self._commit([self._artwork(prepared, one) for one in raw])
        finally:
            self.hold.storing = False
            self.workshop.flow.stored(len(raw), time.monotonic() - begun)

    def _artwork(self, prepared: Prepared, raw: Raw) -> Artwork:
        with self.workshop.keeper.spell([self.hold], "generating"), blamed(self.model):
            encoded = self.model.encode(raw.artwork, prepared.params)
        manifest = provenance(
            self.system,
            self.workshop.registry,
            self.model,
            self.job,
            prepared,
            encoded,
            raw.index,
        )
        return Artwork(encoded, manifest)

    def _commit(self, artworks: Sequence[Artwork]) -> None:
        """Store, then name. What is made is not thrown away because a service stumbles."""
        now, lease = self.system.now(), self.hold.lease
        made = [artwork.made(self.job) for artwork in artworks]

        def named(job: JobRecord) -> JobRecord:
            for one in made:
                job = lifecycle.commit(job, lease, one, now)
            return job

        def keep() -> None:
            self.hold.check()
            self._stored = True
            store(self.system, self.job, artworks)
            self._apply(named)
            self._stored = any(one not in self.job.artworks for one in made)
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
