"""The guards of the product, each broken in turn: whoever breaks one must be seen by the suite.

A mutant is a function that changes the code of its own process, after `shared.bootstrap` has been
imported and before a system is made.
"""

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from threading import Timer
from typing import Any


def swap(old: object, new: object) -> None:
    """Put `new` wherever a module knows `old`, whatever its name is there."""
    for module in list(sys.modules.values()):
        for name, value in list(getattr(module, "__dict__", {}).items()):
            if value is old:
                setattr(module, name, new)


def patch(owner: object, name: str, new: object) -> None:
    """Put `new` in the place of a method, or of what one module knows by a name."""
    if not hasattr(owner, name):
        raise AttributeError(f"{owner} has no {name} any more: the mutant must follow the product")
    setattr(owner, name, new)


def no_fencing() -> None:
    """An attempt writes though another one holds the job."""
    from gpu_worker.pulse import Pulse
    from shared.errors import StaleAttempt
    from shared.lifecycle import Lease

    beat = Pulse.beat

    def beat_on(pulse: Any, progress: float, stage: str) -> None:
        with suppress(StaleAttempt):
            beat(pulse, progress, stage)

    patch(Lease, "check", lambda lease, job: None)
    patch(Pulse, "beat", beat_on)


def no_heartbeat() -> None:
    """A worker gives no sign of life while it works."""
    from gpu_worker.rounds import Rounds

    patch(Rounds, "_begin_beats", lambda rounds, kept: None)
    patch(Rounds, "_begin_extensions", lambda rounds, kept: None)


def steal() -> None:
    """Whoever sees a message takes its job, though its holder is alive."""
    from gpu_worker.watch import Watch
    from shared.records import JobRecord

    def due(watch: Any) -> Any:
        for job_id in list(watch._seen):
            seen = watch._seen.pop(job_id)
            job = watch.system.table.get(JobRecord, job_id)
            return (job, seen.queue, seen.letter) if job else None
        return None

    patch(Watch, "due", due)


def endless_tries() -> None:
    """A job that kills its workers is tried for ever."""
    from shared import lifecycle

    start = lifecycle.start

    def keep_on(
        job: Any, holder: str, now: datetime, max_tries: int, lapsed: int | None = None
    ) -> Any:
        return start(job, holder, now, sys.maxsize, lapsed)

    swap(start, keep_on)


def commit_before_store() -> None:
    """An artwork is named by the table before its bytes are stored."""
    from gpu_worker import work

    class Later:
        def __init__(self, blobs: Any) -> None:
            self.blobs = blobs

        def put_all(self, *given: Any) -> None:
            Timer(0.5, self.blobs.put_all, given).start()

    store = work.store
    swap(
        store,
        lambda system, *given: store(replace(system, artworks=Later(system.artworks)), *given),
    )


def made_twice() -> None:
    """An attempt makes what an earlier one has committed, and commits it again."""
    from gpu_worker.work import Attempt
    from shared import lifecycle

    def append(job: Any, lease: Any, made: Any) -> Any:
        lease.check(job)
        return job.model_copy(update={"artworks": (*job.artworks, made)})

    share = Attempt._share

    def share_all(attempt: Any, prepared: Any) -> Any:
        fresh, attempt.job = attempt.job, attempt.job.model_copy(update={"artworks": ()})
        try:
            return share(attempt, prepared)
        finally:
            attempt.job = fresh

    swap(lifecycle.append, append)
    patch(Attempt, "_share", share_all)


def ack_first() -> None:
    """The message is deleted before the work is done, and `sweep` sends no other."""
    from functions.sweep import due
    from gpu_worker.intake import Intake

    attempt = Intake._attempt

    def delete_first(worker: Any, course: Any, *given: Any) -> Any:
        course.queue.delete(course.letter)
        return attempt(worker, course, *given)

    patch(Intake, "_attempt", delete_first)
    patch(due, "send", lambda system, job: None)


def no_version_check() -> None:
    """A write replaces what is there, whatever version its writer knew."""
    from shared.aws.table import DynamoTable
    from shared.embedded.table import SqliteTable
    from shared.errors import WriteConflict

    def forcing(put: Any) -> Any:
        def force(table: Any, record: Any) -> Any:
            while True:
                try:
                    return put(table, record)
                except WriteConflict:
                    current = table.get(type(record), record.pk, record.sk)
                    version = current.version if current else 0
                    record = record.model_copy(update={"version": version})

        return force

    for adapter in (DynamoTable, SqliteTable):
        patch(adapter, "put", forcing(adapter.put))


def ended_moves() -> None:
    """A job that has ended may still change its status."""
    from shared import lifecycle
    from shared.contract import Status

    lifecycle.MOVES.update({status: set(Status) for status in Status})


def cancel_forgotten() -> None:
    """A cancel of a running job is answered, and not written down."""
    from shared import lifecycle

    cancel = lifecycle.cancel
    swap(cancel, lambda job, now: job if job.holder else cancel(job, now))


def outbox_outside() -> None:
    """The status is written first, the outbox in a write of its own."""
    from shared import lifecycle

    @dataclass
    class InTwo:
        table: Any

        def get(self, *given: Any) -> Any:
            return self.table.get(*given)

        def put(self, job: Any) -> Any:
            if not job.announce:
                return self.table.put(job)
            told = {"announce": True, "wake_at": job.wake_at}
            first = job.model_copy(update={"announce": False, "wake_at": None})
            return self.table.put(self.table.put(first).model_copy(update=told))

    apply = lifecycle.apply
    swap(apply, lambda table, job, transition: apply(InTwo(table), job, transition))


def announce_clears_first() -> None:
    """The outbox is cleared before the event has been told."""
    from functions import announcing
    from shared import lifecycle

    announce_all = announcing.announce_all

    def clear_first(system: Any, jobs: Any) -> Any:
        for job in jobs:
            keep = announcing.kept_until(system.settings, job)
            lifecycle.apply(system.table, job, partial(lifecycle.announced, keep_until=keep))
        return announce_all(system, jobs)

    swap(announce_all, clear_first)


def random_event_id() -> None:
    """Each time that an event is told it has another id."""
    from functions import announcing
    from functions.idempotency import new_id

    swap(announcing.event_id, lambda job: f"evt_{new_id()}")


def webhook_tried_once() -> None:
    """A webhook that fails is given up at once."""
    from functions import delivery

    settle = delivery.settle
    swap(settle, lambda delivery, tried, *_: settle(delivery, tried, True))


def idempotency_forgotten() -> None:
    """Each request mints ids of its own, whatever its key."""
    from functions import idempotency

    def mint(*given: Any, with_job: bool = False) -> idempotency.Claim:
        job = idempotency.new_id() if with_job else None
        return idempotency.Claim(idempotency.new_id(), job, first=True)

    swap(idempotency.claim, mint)


def delete_without_tombstone() -> None:
    """A deleted job leaves nothing that would stop its worker, or be looked at again."""
    from functions import deletion

    def forget(system: Any, job: Any) -> Any:
        system.table.delete(job)
        deletion.purge(system, job)
        return job

    swap(deletion.delete_job, forget)


def no_tidy() -> None:
    """What a lost attempt has stored stays there."""
    from shared import orphans

    swap(orphans.remove_orphans, lambda system, job: 0)


MUTANTS: dict[str, Callable[[], None]] = {
    broken.__name__.replace("_", "-"): broken
    for broken in (
        no_fencing,
        no_heartbeat,
        steal,
        endless_tries,
        commit_before_store,
        made_twice,
        ack_first,
        no_version_check,
        ended_moves,
        cancel_forgotten,
        outbox_outside,
        announce_clears_first,
        random_event_id,
        webhook_tried_once,
        idempotency_forgotten,
        delete_without_tombstone,
        no_tidy,
    )
}
