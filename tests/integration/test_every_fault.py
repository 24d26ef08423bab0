"""Each call of a port fails in turn, before its effect or after it, and what is left in the end is
what an undisturbed run leaves: nothing lost, nothing twice, no orphan."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from functions.announcing import announce, announce_all
from functions.deletion import delete_job, purge
from functions.delivery import deliver, redeliver
from functions.ingest.arrival import Arrival, take
from functions.submission import submit
from functions.sweep.due import sweep
from functions.ticket import issue
from shared import lifecycle
from shared.contract import JobRequest, Status, UploadRequest
from shared.embedded.database import Database
from shared.errors import AtelierError, StaleAttempt
from shared.message import DeliveryMessage, JobMessage, job_message
from shared.records import (
    KINDS,
    DropSource,
    IdempotencyRecord,
    JobRecord,
    Record,
    UploadRecord,
)
from shared.system import DELIVERIES, LANES, System
from shared.uploads import attach
from tests.receiver import Receiver, Reply, receiving
from tests.services import Services
from tests.unit.functions import stage as stages
from tests.unit.functions.stage import Stage, bodies

BEGIN = datetime.now(UTC).replace(microsecond=0)
LATER = (0, 2, 16, 16, 60, 24 * 60, 5, 24 * 60, 5)
"""Minutes between the looks of `sweep` that heal what is left."""
DROP_KEY = "drops/ann/summer/a fox.jpg"
ID = re.compile(r"(?<![0-9a-z])[0-9a-z]{26}(?![0-9a-z])")
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
PASSING = {"wake_at", "due_at", "tries", "round", "since", "next_try_at", "expires_at"}
"""What tells how often something was tried, not what came of it."""


@dataclass
class Play:
    """One run: a system, the world around it, and what the act stands on."""

    stage: Stage
    receiver: Receiver
    given: Any = None
    answers: list[Any] = field(default_factory=list)

    @property
    def system(self) -> System:
        return self.stage.system


@dataclass(frozen=True)
class Scene:
    """What is there before, what is done, and who does it again should it fail."""

    before: Callable[[Play], Any]
    act: Callable[[System, Play], Any]
    repeated: bool = True
    """By the client or the queue; otherwise only `sweep` heals it."""
    afterwards: Callable[[Play], Any] = lambda play: None
    same: bool = True
    """Whether it ends as it does undisturbed; else it may not have happened at all."""


# --- The world goes on ----------------------------------------------------------------------------


def go_on(play: Play) -> None:
    """Two days with workers, webhooks and sweeps that do their part."""
    for minutes in LATER:
        play.stage.clock.pass_by(minutes=minutes)
        for _ in range(3):
            assert sweep(play.system).failed == 0
            work(play)
            for body in list(bodies(play.system.queue(DELIVERIES))):
                deliver(play.system, DeliveryMessage.model_validate_json(body))


def work(play: Play) -> None:
    """Make every job that a message speaks of, as a worker would."""
    for lane in LANES:
        for body in list(bodies(play.system.lane("standard", lane))):
            job = play.system.table.get(JobRecord, JobMessage.model_validate_json(body).job)
            if job is not None and job.status is Status.QUEUED:
                make(play.stage, job)


def make(stage: Stage, job: JobRecord) -> JobRecord:
    now = stage.clock.now
    started = stage.system.table.put(lifecycle.start(job, "w1", now, 3))
    lease = lifecycle.Lease("w1", started.attempt)
    done = stage.made(started, lease)
    return announce(stage.system, stage.system.table.put(lifecycle.succeed(done, lease, now)))


# --- What is left ---------------------------------------------------------------------------------


def left(play: Play) -> str:
    """Everything that is stored and was told, with ids by their order and without times."""
    records = [f"{record.sk} {plain(record)}" for record in records_of(play)]
    return named("\n".join(in_order(records, stored(play), [*told(play)], [*sent(play)])))


def records_of(play: Play) -> list[Record]:
    assert play.system.settings.data is not None
    rows = Database(play.system.settings.data).rows("SELECT sk, body FROM items")
    kinds = [(KINDS[row["sk"].partition("#")[0]], row["body"]) for row in rows]
    return [kind.model_validate_json(body) for kind, body in kinds if kind is not IdempotencyRecord]


def stored(play: Play) -> list[str]:
    """The keys in both buckets."""
    data = play.system.settings.data
    assert data is not None
    folders = ("uploads", "drops", "artworks")
    files = [path for name in folders for path in (data / name).rglob("*") if path.is_file()]
    return [str(path.relative_to(data)) for path in files if ".scratch" not in path.parts]


def told(play: Play) -> set[str]:
    return {json.dumps(one, sort_keys=True) for one in play.stage.published()}


def sent(play: Play) -> set[str]:
    return {f"{one.headers['webhook-id']} {one.body.decode()}" for one in play.receiver.requests}


def check(play: Play) -> None:
    """Nothing is lost, twice or left over."""
    jobs = [record for record in records_of(play) if isinstance(record, JobRecord)]
    assert all(job.status.ended and not job.untidy and not job.announce for job in jobs)
    living = {job.id: job for job in jobs if not job.deleted}
    events = [json.loads(one)["id"] for one in told(play)]
    bodies = [one.split(" ")[0] for one in sent(play)]
    assert len(events) == len(set(events)), "two events under one id"
    assert len(bodies) == len(set(bodies)), "two bodies under one id"
    assert {f"evt_{job}" for job in living} <= set(events)
    assert {f"evt_{job.id}" for job in living.values() if job.webhook} <= set(bodies)
    uploads = [record for record in records_of(play) if isinstance(record, UploadRecord)]
    assert all(living.keys() & set(upload.jobs) for upload in uploads)
    dropped = {job.drop.key(job.tenant) for job in living.values() if job.drop}
    expected = {f"artworks/{key}" for job in living.values() for key in keys_of(job)}
    expected |= {upload.key for upload in uploads} | dropped
    found = {key for key in stored(play) if not key.endswith("atelier.json")}
    assert found - expected == set(), "orphans"
    assert expected - found - dropped - {upload.key for upload in uploads} == set(), "lost"


def keys_of(job: JobRecord) -> Iterator[str]:
    for made in job.artworks:
        yield from made.keys(job.tenant, job.id)
        if job.drop:
            yield job.drop.mirror_key(job.tenant, made)


def plain(record: Record) -> str:
    known = record.model_dump(mode="json", exclude=PASSING)
    return json.dumps(known, sort_keys=True)


def in_order(*parts: list[str]) -> Iterator[str]:
    for part in parts:
        lines = [TIME.sub("T", line) for line in part]
        yield from sorted(lines, key=lambda line: (ID.sub("", line), line))
        yield "--"


def named(text: str) -> str:
    names: dict[str, str] = {}
    return ID.sub(lambda found: names.setdefault(found[0], f"<{len(names)}>"), text)


# --- The scenes -----------------------------------------------------------------------------------


def an_upload_has_come(play: Play) -> str:
    return play.stage.upload().id


def submits(system: System, play: Play) -> str:
    request = JobRequest(
        model="paint",
        input={"image": {"upload": play.given}},
        seed=7,
        webhook=play.receiver.url(),  # type: ignore[arg-type]
    )
    return submit(system, "ann", request, "key-1").id


def an_upload_is_used(play: Play) -> str:
    """By a job that has ended; `sweep` has looked at it since."""
    photo = play.stage.upload()
    job = play.stage.succeeded(uploads=(photo.id,), webhook=play.receiver.url())
    attach(play.system.table, photo.id, job.id, play.stage.clock.now)
    announce(play.system, job)
    play.stage.clock.pass_by(days=2)
    sweep(play.system)
    return photo.id


def its_first_job_is_deleted(play: Play) -> None:
    upload = play.system.table.get(UploadRecord, play.given)
    assert upload
    delete_job(play.system, play.stage.job(upload.jobs[0]))


def nothing(play: Play) -> None:
    pass


def asks_for_a_ticket(system: System, play: Play) -> tuple[str, str | None]:
    job = {"model": "paint", "seed": 7, "webhook": play.receiver.url()}
    request = UploadRequest.model_validate({"content_type": "image/png", "size": 5, "job": job})
    ticket = issue(system, "ann", request, "key-2")
    assert ticket.expires_at == issue(system, "ann", request, "key-2").expires_at
    return ticket.id, ticket.job_id


def sends_the_bytes(play: Play) -> None:
    upload_id, _ = play.answers[-1]
    take(play.system, upload_arrival(play, upload_id))


def upload_arrival(play: Play, upload_id: str) -> Arrival:
    key = f"uploads/ann/{upload_id}"
    play.system.inbox.put(key, b"photo", "image/png")
    return Arrival("inbox", key, 5, "1")


def a_ticket_was_used(play: Play) -> Arrival:
    upload_id, _ = asks_for_a_ticket(play.system, play)
    return upload_arrival(play, upload_id)


def a_late_upload(play: Play) -> Arrival:
    """Its job was deleted, and the upload with it, when the bytes came."""
    upload_id, job_id = asks_for_a_ticket(play.system, play)
    assert job_id
    play.stage.clock.pass_by(hours=1)
    delete_job(play.system, play.stage.job(job_id))
    return upload_arrival(play, upload_id)


def a_file_was_dropped(play: Play) -> Arrival:
    settings = {"model": "paint", "seed": 7, "webhook": play.receiver.url()}
    folder = "drops/ann/summer"
    play.system.inbox.put(f"{folder}/atelier.json", json.dumps(settings).encode(), "text/json")
    play.system.inbox.put(DROP_KEY, b"photo", "image/jpeg")
    return Arrival("inbox", DROP_KEY, 5, "1")


def takes(system: System, play: Play) -> None:
    take(system, play.given)


def a_job_has_ended(play: Play) -> JobRecord:
    return a_job_called(play, "a fox.jpg")


def a_job_called(play: Play, name: str) -> JobRecord:
    dropped = DropSource(batch="summer", name=name)
    return play.stage.succeeded(webhook=play.receiver.url(), drop=dropped)


def announces(system: System, play: Play) -> None:
    announce(system, play.stage.job(play.given.id))


def jobs_have_ended(play: Play) -> list[JobRecord]:
    return [a_job_has_ended(play), play.stage.failed(), a_job_called(play, "another fox.jpg")]


def announces_together(system: System, play: Play) -> None:
    jobs = [play.stage.job(job.id) for job in play.given]
    announce_all(system, [job for job in jobs if job.announce])


def a_webhook_waits(play: Play) -> DeliveryMessage:
    announce(play.system, a_job_has_ended(play))
    (message,) = play.stage.messages()
    return DeliveryMessage.model_validate(message)


def delivers(system: System, play: Play) -> None:
    deliver(system, play.given)


def a_webhook_waits_for_a_receiver_that_is_down(play: Play) -> DeliveryMessage:
    play.receiver.replies = [Reply(503), Reply(500), Reply(200)]
    return a_webhook_waits(play)


def a_webhook_was_delivered(play: Play) -> JobRecord:
    deliver(play.system, a_webhook_waits(play))
    (job,) = play.system.table.batch("ann/summer", None, 10)
    return job


def redelivers(system: System, play: Play) -> None:
    redeliver(system, play.given, 0)


def a_job_with_everything(play: Play) -> JobRecord:
    photo = play.stage.upload()
    job = a_job_has_ended(play).model_copy(update={"uploads": (photo.id,)})
    attach(play.system.table, photo.id, job.id, play.stage.clock.now)
    job = announce(play.system, play.system.table.put(job))
    play.system.inbox.put(DROP_KEY, b"photo", "image/jpeg")
    play.stage.clock.pass_by(hours=1)
    return job


def deletes(system: System, play: Play) -> None:
    delete_job(system, play.stage.job(play.given.id))


def a_job_that_is_buried(play: Play) -> JobRecord:
    job, now = a_job_with_everything(play), play.stage.clock.now
    return lifecycle.apply(play.system.table, job, lambda job: lifecycle.bury(job, now))


def purges(system: System, play: Play) -> None:
    purge(system, play.given)


def all_that_can_be_due(play: Play) -> None:
    stage = play.stage
    a_webhook_waits(play)
    stage.put()
    stage.upload()
    a_ticket_was_used(play)
    job, lease = stage.started(count=2)
    untidy = stage.made(job, lease)
    stage.system.artworks.put(f"ann/{job.id}/1-orphan.png", b"?", "image/png")
    cancel = lifecycle.cancel(untidy, stage.clock.now)
    canceled = lifecycle.confirm_cancel(cancel, lease, stage.clock.now)
    announce(stage.system, stage.system.table.put(canceled))
    stage.succeeded(webhook=play.receiver.url())
    stage.put(start_by=stage.clock.now + timedelta(minutes=1))
    other = DropSource(batch="summer", name="b.jpg")
    delete_job(stage.system, stage.succeeded(drop=other))
    for letter in (job_message(stage.put().id), job_message(job.id), "nothing"):
        stage.system.queue("standard-bulk-dead").send(letter, "ann")
    stage.clock.pass_by(minutes=20)


def sweeps(system: System, play: Play) -> None:
    sweep(system)


SCENES = {
    "submit": Scene(an_upload_has_come, submits),
    "submit, client gone": Scene(an_upload_has_come, submits, repeated=False, same=False),
    "submit, client gone, upload in use": Scene(
        an_upload_is_used, submits, False, its_first_job_is_deleted, same=False
    ),
    "ticket": Scene(nothing, asks_for_a_ticket, afterwards=sends_the_bytes),
    "ticket, client gone": Scene(nothing, asks_for_a_ticket, repeated=False, same=False),
    "upload": Scene(a_ticket_was_used, takes),
    "upload whose event was lost": Scene(a_ticket_was_used, takes, repeated=False),
    "upload after the deletion": Scene(a_late_upload, takes),
    "drop": Scene(a_file_was_dropped, takes),
    "announce": Scene(a_job_has_ended, announces),
    "announce, nobody woken again": Scene(a_job_has_ended, announces, repeated=False),
    "announce together": Scene(jobs_have_ended, announces_together),
    "announce together, nobody woken again": Scene(
        jobs_have_ended, announces_together, repeated=False
    ),
    "deliver": Scene(a_webhook_waits, delivers),
    "deliver, message lost": Scene(a_webhook_waits, delivers, repeated=False),
    "deliver to one that is down": Scene(a_webhook_waits_for_a_receiver_that_is_down, delivers),
    "redeliver": Scene(a_webhook_was_delivered, redelivers),
    "delete": Scene(a_job_with_everything, deletes),
    "delete, nobody asks again": Scene(a_job_that_is_buried, purges, repeated=False),
    "sweep": Scene(all_that_can_be_due, sweeps, repeated=False),
}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is such a place: hundreds of systems are made, and none loses power."""
    memory = Path("/dev/shm")
    if not memory.is_dir():
        yield tmp_path
        return
    with TemporaryDirectory(dir=memory) as name:
        yield Path(name)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


LONG = {"sweep", "delete", "delete, nobody asks again"}
SLOW = pytest.mark.slow


def run(
    scene: Scene, folder: Path, receiver: Receiver, fail: tuple[int, bool] | None = None
) -> tuple[str, Services]:
    """Play the scene, with a fault where one is asked for; let the world go on, and see what is
    left."""
    receiver.requests, receiver.replies = [], [Reply()]
    stages._numbers = count()
    stage = Stage.at(folder)
    stage.clock.now = BEGIN
    play = Play(stage, receiver)
    play.given = scene.before(play)
    services = Services(stage.system)
    if fail:
        services.fail_once(*fail)
    with suppress(AtelierError, StaleAttempt):
        play.answers.append(scene.act(services.system, play))
    if fail and services.count > fail[0] and scene.repeated:
        play.answers.append(scene.act(stage.system, play))
    scene.afterwards(play)
    go_on(play)
    check(play)
    return left(play) if scene.same else "", services


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=SLOW if name in LONG else ()) for name in SCENES]
)
def test_a_fault_at_any_call_leaves_no_trace(
    name: str, after: bool, folder: Path, receiver: Receiver
) -> None:
    scene = SCENES[name]
    expected, undisturbed = run(scene, folder / "undisturbed", receiver)
    assert undisturbed.calls
    number, struck = 0, True
    while struck:
        found, services = run(scene, folder / str(number), receiver, (number, not after))
        struck = services.count > number
        assert found == expected, f"call {number} of {services.calls}"
        number += 1
    assert number > undisturbed.count
