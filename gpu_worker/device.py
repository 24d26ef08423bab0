"""The device: one thread in which models are loaded and make what waits, in batches across jobs."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from threading import Condition, Thread
from typing import Any

from gpu_worker import memory
from gpu_worker.blame import blamed
from gpu_worker.drain import Drain
from gpu_worker.estimate import Estimate
from gpu_worker.flow import Flow
from gpu_worker.hold import Hold, Stop
from gpu_worker.keeper import Keeper, Spell
from gpu_worker.model import Interrupted, Sample, Step
from gpu_worker.occupancy import Occupancy
from gpu_worker.pace import Kind, Pace
from gpu_worker.registry import Registry
from gpu_worker.share import Raw, Share
from shared.errors import AtelierError, ModelError
from shared.logs import Logger

logger = Logger(service="worker")

PASSED_OVER_SECONDS = 5.0
"""Work for models that are loaded goes first, but nobody waits longer for that than this."""


@dataclass(frozen=True)
class Part:
    """One sample of a batch, and whose it is."""

    share: Share
    index: int
    sample: Sample


class Device:
    """Makes samples, the oldest share first; those of its kind that wait as well go with them.

    It never waits for a batch to fill: it takes what is there.
    """

    def __init__(
        self,
        registry: Registry,
        pace: Pace,
        flow: Flow,
        keeper: Keeper,
        occupancy: Occupancy,
        drain: Drain,
    ) -> None:
        self.registry, self.pace, self.flow, self.keeper = registry, pace, flow, keeper
        self.on_made: Callable[[], None] = lambda: None
        """Called when all who have samples in a batch were told what came of them."""
        self._occupancy, self._drain = occupancy, drain
        self._horizon = keeper.system.settings.visibility
        """Seconds ahead that jobs may wait here."""
        self._current: Estimate | None = None
        """Of the batch on the device."""
        self._shares: list[Share] = []
        self._changed = Condition()
        Thread(target=self._run, name="device", daemon=True).start()

    def put(self, share: Share) -> None:
        """Make these samples when their turn comes."""
        with self._changed:
            self._shares.append(share)
            self._changed.notify()

    def withdraw(self, share: Share) -> None:
        """Nobody waits for them any more."""
        with self._changed:
            share.waiting.clear()
            if share in self._shares:
                self._shares.remove(share)
        self.flow.given_up(share.close())

    def tend(self) -> None:
        """Give up at once what would come to its turn too late: what a drain has no time for, and
        what other workers may make sooner."""
        current = self._current
        with self._changed:
            ahead = current.expected() if current else 0.0
            for share in self._shares:
                each = self._expected(share, current)
                if self._drain.asked:
                    if ahead + each > self._drain.left:
                        share.hold.end(Stop.DRAIN)
                elif ahead > self._horizon and not share.begun:
                    share.hold.end(Stop.SURPLUS)
                ahead += each * len(share.waiting) / self.flow.batch
            self.flow.ahead = ahead

    def _expected(self, share: Share, current: Estimate | None) -> float:
        """Seconds of a batch. Of a model that is new here, what the one on the device has taken."""
        usual = self.pace.usual(share.kind[0])
        if usual is None:
            return current.elapsed if current else 0.0
        return usual

    def _run(self) -> None:
        while True:
            self.flow.wait_for_stores()
            parts = self._next()
            self._attend(parts)
            del parts  # pictures are not kept until the next batch comes

    def _next(self) -> list[Part]:
        with self._changed:
            while True:
                self._shares = [s for s in self._shares if s.waiting and not s.unwanted]
                if self._shares:
                    return self._batch(self._choose().kind)
                self._changed.wait()

    def _choose(self) -> Share:
        """Whose turn it is."""
        oldest = self._shares[0]
        if time.monotonic() - oldest.since > PASSED_OVER_SECONDS:
            return oldest
        loaded = (share for share in self._shares if self.registry.is_ready(share.model))
        return next(loaded, oldest)

    def _batch(self, kind: Kind) -> list[Part]:
        shares = [share for share in self._shares if share.kind == kind]
        most = shares[0].model.about.limits.get("batch", 1)
        size = self.pace.best(kind, most, memory.free(self.registry.device))
        self.flow.batch = size
        return list(islice(_taken(shares), size))

    def _attend(self, parts: Sequence[Part]) -> None:
        """Make them, or tell those who wait why not. Nothing that is raised ends the device."""
        try:
            self._load(parts)
            self._make(parts)
        except BaseException as error:
            for share in _shares(parts):
                share.fail(error)
        finally:
            self._current = None
            self.on_made()

    def _load(self, parts: Sequence[Part]) -> None:
        model = parts[0].share.model
        if self.registry.is_ready(model):
            return
        with self.keeper.spell(_holds(parts), "loading"), blamed(model):
            self.registry.ready(model)

    def _make(self, parts: Sequence[Part]) -> None:
        parts = self._admitted(parts)
        if not parts:
            return
        begun = time.monotonic()
        try:
            raw = self._generate(parts)
        except AtelierError as error:
            for smaller in self._smaller(parts, error):
                self._attend(smaller)
        else:
            self._deliver(parts, raw, time.monotonic() - begun)

    def _admitted(self, parts: Sequence[Part]) -> list[Part]:
        """Those that are still wanted, and that there is time for."""
        estimate = Estimate(self.pace.usual(parts[0].share.kind[0]))
        for share in _shares(parts):
            share.hold.estimate = estimate
            share.hold.judge()
        return [part for part in parts if not part.share.unwanted]

    def _generate(self, parts: Sequence[Part]) -> Sequence[Any]:
        share, samples = parts[0].share, [part.sample for part in parts]
        estimate, device = share.hold.estimate, self.registry.device
        before = memory.begin(device)
        estimate.begin()
        self._current = estimate
        with (
            self._occupancy.busy(),
            self.keeper.spell(_holds(parts), "generating") as spell,
            blamed(share.model),
        ):
            raw = list(share.model.generate(samples, _step(parts, estimate, spell)))
            if len(raw) != len(parts):
                raise ModelError(f"{len(raw)} artworks were made of {len(parts)} samples")
        self.pace.note(share.kind, len(parts), estimate.elapsed, memory.used(device, before))
        return raw

    def _deliver(self, parts: Sequence[Part], raw: Sequence[Any], seconds: float) -> None:
        made = [Raw(part.index, one) for part, one in zip(parts, raw, strict=True)]
        for share in _shares(parts):
            own = [one for part, one in zip(parts, made, strict=True) if part.share is share]
            share.hold.estimate = Estimate(self.pace.usual(share.kind[0]))
            self.flow.on_device(share.course, len(own), seconds * len(own) / len(parts))
            if not share.waiting:
                self.flow.made(share.course)
            if not share.deliver(own):
                self.flow.given_up(len(own))

    def _smaller(self, parts: Sequence[Part], error: AtelierError) -> list[Sequence[Part]]:
        """A batch that memory has no room for is halved. Where a model fails, each job is made by
        itself, so that one costs the others nothing but time."""
        if error.code == "out_of_memory":
            share = parts[0].share
            logger.warning("out of memory", extra={"model": share.kind[0], "batch": len(parts)})
            self.pace.overflow(share.kind, len(parts))
            if len(parts) > 1:
                return [parts[: len(parts) // 2], parts[len(parts) // 2 :]]
            with self.keeper.spell(_holds(parts), "loading"):  # a model may hang here, too
                if self.registry.unload_others(share.model):
                    return [parts]
        shares = _shares(parts)
        if len(shares) == 1:
            raise error
        return [[part for part in parts if part.share is share] for share in shares]


def _taken(shares: Sequence[Share]) -> Iterator[Part]:
    for share in shares:
        while share.waiting:
            yield Part(share, *share.waiting.popleft())


def _shares(parts: Sequence[Part]) -> list[Share]:
    return list(dict.fromkeys(part.share for part in parts))


def _holds(parts: Sequence[Part]) -> list[Hold]:
    return [share.hold for share in _shares(parts)]


def _step(parts: Sequence[Part], estimate: Estimate, spell: Spell) -> Step:
    """What the model calls between its steps: it goes on for as long as anybody wants its work."""
    counts = Counter(part.share for part in parts)

    def step(done: float) -> None:
        spell.silence = 0.0
        estimate.reach(done)
        for share, samples in counts.items():
            share.reach(samples, done)
            share.hold.judge()
        if all(share.unwanted for share in counts):
            raise Interrupted("nobody wants this batch any more")

    return step
