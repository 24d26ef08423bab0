"""One attempt at one job: prepare → generate → encode → store → commit."""

from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial
from threading import Lock

from gpu_worker.blame import blamed
from gpu_worker.flow import Course
from gpu_worker.hold import Hold
from gpu_worker.keeper import Spell
from gpu_worker.model import Model, Sample
from gpu_worker.prepare import Prepared, prepare
from gpu_worker.share import Raw, Share
from gpu_worker.store import Artwork, provenance, store
from gpu_worker.together import Outcome
from gpu_worker.waits import patiently
from gpu_worker.workshop import Workshop
from shared import lifecycle
from shared.errors import JobEnded, StaleAttempt
from shared.records import JobRecord
from shared.seeds import artwork_seed


class Phase(Enum):
    """Who may act on an attempt."""

    WAITS = "whoever has news for it"
    BUSY = "the thread that stores what was made, or ends it"
    OVER = "nobody"


class Attempt:
    """One hold on one job, from its inputs to its end.

    No thread waits for it: one prepares it, the device makes its samples, and whichever thread has
    news of it goes on with it (what was made, an error, a reason to stop). One at a time does.
    """

    def __init__(self, workshop: Workshop, model: Model, hold: Hold, course: Course) -> None:
        self.workshop, self.system = workshop, workshop.system
        self.model, self.hold, self.course = model, hold, course
        self.job = hold.job
        self.stored = False
        """Blobs are stored that may never be committed."""
        self.error: BaseException | None = None
        """What went wrong."""
        self.on_come: Callable[[Attempt], None] = lambda _: None
        """Called when the device has something for it: made, or an error."""
        self.on_over: Callable[[Attempt], None] = lambda _: None
        """Called once, when nothing more is made."""
        self._phase = Phase.WAITS
        self._lock = Lock()
        self._samples: Share | None = None
        self._prepared: Prepared | None = None
        self._spell: Spell | None = None
        hold.on_end = lambda: workshop.crew.run(self._stop)

    def begin(self) -> None:
        """Prepare its samples and put them on their way to the device. That may take for ever: when
        the attempt is over meanwhile, nothing comes of it."""
        try:
            self.hold.step()
            share = self._share(self._prepare())
            self.hold.step()
            self._put(share)
        except BaseException as error:
            self.fail(error)

    def fail(self, error: BaseException) -> None:
        """Nothing comes of it, if it is not over already."""
        with self._lock:
            if self._phase is Phase.OVER:
                return
            self.error, self._phase = error, Phase.OVER
        self._end()

    def claim(self) -> bool:
        """What has come for it is the caller's to deal with, until it `rests`."""
        with self._lock:
            free = self._phase is Phase.WAITS
            if free:
                self._phase = Phase.BUSY
                self.hold.storing = True
            return free

    def rests(self) -> bool:
        """Whether nothing more has come for it by now: then it waits again, or is over."""
        with self._lock:
            if self._phase is Phase.OVER:
                return True
            share = self._samples
            over = bool(self.error or (share and not share.left))
            if not over and share and share.come():
                return False
            over = over or self.hold.stop is not None
            self.hold.storing = False
            self._phase = Phase.OVER if over else Phase.WAITS
        if over and (self.error or self.hold.stop):  # that is to be written, and may take long
            self.workshop.crew.run(self._end)
        elif over:
            self._end()
        return True

    def take(self) -> Sequence[Raw]:
        """What the device has made of it; nothing, where that went wrong."""
        try:
            return self._samples.take() if self._samples else ()
        except BaseException as error:
            self.error = error
            return ()

    def encode(self, raw: Sequence[Raw]) -> Sequence[Artwork]:
        """What is to be kept; nothing, where that went wrong or nobody wants it any more."""
        if self._prepared is None:
            return ()
        try:
            artworks = [self._artwork(self._prepared, one) for one in raw]
            self.hold.check()
        except BaseException as error:
            self.error = error
            return ()
        return artworks

    def keep(self, artworks: Sequence[Artwork]) -> None:
        """Store, then name. What is made is not thrown away because a service stumbles."""
        transition = self.naming(artworks)

        def once() -> None:
            self.hold.check()
            self.stored = True
            store(self.system, [(self.job, artworks)])
            self._named(lifecycle.apply(self.system.table, self.job, transition), artworks)

        try:
            patiently(self.system.settings.visibility, once)
        except BaseException as error:
            self.error = error

    def naming(self, artworks: Sequence[Artwork]) -> lifecycle.Transition:
        """What names these in the job's record, once they are stored."""
        now, lease = self.system.now(), self.hold.lease

        def named(job: JobRecord) -> JobRecord:
            for artwork in artworks:
                job = lifecycle.commit(job, lease, artwork.made, now)
            return job

        return named

    def was_named(self, outcome: Outcome, artworks: Sequence[Artwork]) -> None:
        """What has come of that."""
        try:
            if not isinstance(outcome, JobRecord):
                raise outcome
            self._named(outcome, artworks)
        except (JobEnded, StaleAttempt) as error:
            self.error = error

    def _named(self, job: JobRecord, artworks: Sequence[Artwork]) -> None:
        """The record as it was written. Raises `StaleAttempt` where the job was canceled just
        now."""
        self.job = job
        self.stored = any(artwork.made not in job.artworks for artwork in artworks)
        if self.stored:
            raise StaleAttempt(f"job {job.id} has ended")

    def _prepare(self) -> Prepared:
        with self.workshop.keeper.spell([self.hold], "preparing") as spell:
            with self._lock:
                self._spell = spell
            self.hold.step()
            self._prepared = prepare(self.system, self.job, self.model)
        return self._prepared

    def _share(self, prepared: Prepared) -> Share:
        with blamed(self.model):
            shape = self.model.shape(prepared.decoded, prepared.params)
            hash(shape)  # the device's thread is to meet none that has no hash
        samples = {
            index: Sample(prepared.decoded, prepared.params, artwork_seed(self.job.seed, index))
            for index in self.job.missing
        }
        kind = (self.model.about.name, shape)
        come = partial(self.on_come, self)
        return Share(self.hold, self.course, self.model, kind, samples, come)

    def _put(self, share: Share) -> None:
        with self._lock:
            if self._phase is Phase.OVER:
                return
            self._samples = share
        self.workshop.flow.ready(self.course)
        self.workshop.device.put(share)

    def _artwork(self, prepared: Prepared, raw: Raw) -> Artwork:
        with self.workshop.keeper.spell([self.hold], "generating"), blamed(self.model):
            encoded = self.model.encode(raw.artwork, prepared.params)
        registry = self.workshop.registry
        manifest = provenance(
            self.system, registry, self.model, self.job, prepared, encoded, raw.index
        )
        return Artwork(encoded, manifest)

    def _stop(self) -> None:
        """There is a reason to. What has been made is stored first, by whoever takes it."""
        with self._lock:
            made = self._samples is not None and self._samples.come()
            if made or self._phase is not Phase.WAITS:
                return
            self._phase = Phase.OVER
        self._end()

    def _end(self) -> None:
        """Nothing more is made. What knows us is let go of: pictures are not to be kept until a
        circle is collected."""
        share, self._samples, self._prepared = self._samples, None, None
        self.hold.on_end = lambda: None
        if self._spell:
            self.workshop.keeper.drop(self._spell)
        if share:
            self.workshop.device.withdraw(share)
        self.on_over(self)
