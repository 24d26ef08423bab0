"""A short run of the chaos suite, and proof that its verdict can be a bad one."""

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from shared.contract import Status
from shared.ports import Blobs
from shared.records import JobRecord, Made
from tests.chaos.checks import judge
from tests.chaos.checks.steals import check_steals
from tests.chaos.evidence import Evidence
from tests.chaos.faults.journal import JobState, Write
from tests.chaos.findings import Findings
from tests.chaos.ledger import View
from tests.chaos.local import Local
from tests.chaos.options import Options
from tests.chaos.run import Aftermath, aftermath, run

pytestmark = pytest.mark.slow


def test_a_short_run_finds_nothing() -> None:
    summary = run(Options(jobs=120, seed=20))
    assert not summary.findings, summary.findings.text()
    assert summary.ends["succeeded"] > 60
    assert {"kill worker", "stop worker", "power cut"} <= summary.attacks.keys()
    assert summary.faults.total() > 10  # by chance: five calls in a hundred


@pytest.fixture(scope="module")
def after(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    """A system that nobody attacked, with everything done."""
    folder = tmp_path_factory.mktemp("chaos")
    with aftermath(Options(jobs=30, seed=5, attacks={}, share=0.0), folder) as found:
        assert not judge(found.evidence()), judge(found.evidence()).text()
        yield found


def judged(after: Aftermath) -> Findings:
    return judge(after.evidence())


@pytest.fixture(scope="module")
def seen(after: Aftermath) -> Evidence:
    """What there was to see before anybody tampered with it."""
    return after.evidence()


@pytest.fixture
def evidence(seen: Evidence) -> Evidence:
    """The same, to be tampered with."""
    return deepcopy(seen)


@pytest.fixture
def job(seen: Evidence) -> JobRecord:
    """One that succeeded and told a webhook."""
    told = {json.loads(call.body)["data"]["id"] for call in seen.calls}
    return next(job for job in seen.living if job.id in told and job.status == "succeeded")


@pytest.fixture
def made(job: JobRecord) -> Made:
    return job.artworks[0]


@pytest.fixture
def artworks(after: Aftermath) -> Blobs:
    return after.stage.system.artworks


def path(after: Aftermath, key: str) -> Path:
    """Where a blob lies, for those who would tamper with it."""
    assert isinstance(after.stage, Local)
    return after.stage.data / "artworks" / key


@pytest.mark.parametrize("key_of", ["key", "manifest_key", "thumbnail_key"])
def test_a_blob_that_is_gone_is_lost(
    after: Aftermath, artworks: Blobs, job: JobRecord, made: Made, key_of: str
) -> None:
    key = getattr(made, key_of)(job.tenant, job.id)
    stored = artworks.get(key)
    assert stored
    artworks.delete(key)
    assert judged(after).of("lost")
    artworks.put(key, stored, "application/octet-stream")
    assert not judged(after)


def test_a_changed_byte_is_seen(after: Aftermath, job: JobRecord, made: Made) -> None:
    artwork = path(after, made.key(job.tenant, job.id))
    stored = artwork.read_bytes()
    artwork.write_bytes(stored[:-1] + bytes([stored[-1] ^ 1]))
    assert judged(after).of("lost")
    artwork.write_bytes(stored)


@pytest.mark.parametrize("place", ["{tenant}/{id}/9-stray.png", "{tenant}/nobody/0-stray.png"])
def test_a_stray_blob_is_an_orphan(
    after: Aftermath, artworks: Blobs, job: JobRecord, place: str
) -> None:
    key = place.format(tenant=job.tenant, id=job.id)
    artworks.put(key, b"stray", "image/png")
    assert judged(after).counts()["orphans"] == 1
    artworks.delete(key)


def test_a_stray_upload_is_an_orphan(after: Aftermath) -> None:
    inbox, key = after.stage.system.inbox, f"uploads/{after.stage.tenant}/{'0' * 26}"
    inbox.put(key, b"stray", "image/png")
    assert judged(after).counts()["orphans"] == 1
    inbox.delete(key)


@pytest.mark.parametrize("change", [{"id": "evt_another"}, {"type": "job.failed"}])
def test_an_event_told_in_two_ways_is_told_twice(
    after: Aftermath, job: JobRecord, change: dict[str, str]
) -> None:
    calls = after.receiver.calls
    call = next(call for call in calls if json.loads(call.body)["data"]["id"] == job.id)
    event = {**json.loads(call.body), **{name: change[name] for name in change if name != "id"}}
    named = {"webhook-id": change.get("id", call.event_id), "webhook-timestamp": call.timestamp}
    sent = Request(after.receiver.url + "/fine/0", json.dumps(event).encode(), named)
    urlopen(sent).close()
    assert judged(after).of("twice")
    calls.pop()
    assert not judged(after)


def test_an_event_that_never_arrived_is_lost(evidence: Evidence, job: JobRecord) -> None:
    calls = evidence.calls
    evidence.calls = [call for call in calls if json.loads(call.body)["data"]["id"] != job.id]
    assert judge(evidence).of("lost")


def test_an_event_that_was_never_published_is_lost(evidence: Evidence, job: JobRecord) -> None:
    evidence.told = [one for one in evidence.told if one[1]["data"]["id"] != job.id]
    assert judge(evidence).of("lost")


def test_a_webhook_signed_wrongly_is_seen(evidence: Evidence) -> None:
    evidence.calls[0] = replace(evidence.calls[0], signature="v1,AAAA")
    assert judge(evidence).of("lost")


def test_a_job_that_is_gone_is_lost(evidence: Evidence, job: JobRecord) -> None:
    del evidence.records[job.id]
    assert judge(evidence).of("lost")


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"status": Status.RUNNING}, "stuck"),
        ({"status": Status.CANCELED}, "lost"),
        ({"artworks": ()}, "orphans"),
        ({"deleted": True}, "lost"),
    ],
)
def test_a_record_that_says_otherwise_is_seen(
    evidence: Evidence, job: JobRecord, change: dict[str, object], kind: str
) -> None:
    evidence.records[job.id] = job.model_copy(update=change)
    assert judge(evidence).of(kind)


def test_two_jobs_for_one_order_are_seen(evidence: Evidence, job: JobRecord) -> None:
    others = (one for one in evidence.living if one.id != job.id and "order" in one.metadata)
    same = {"metadata": next(others).metadata}
    evidence.records[job.id] = job.model_copy(update=same)
    assert judge(evidence).of("twice")


def test_a_deleted_job_that_comes_back_is_seen(evidence: Evidence, job: JobRecord) -> None:
    next(account for account in evidence.accounts if job.id in account.ids).deleted = True
    assert judge(evidence).of("backwards")


def test_a_client_who_saw_a_job_move_back_is_heard(evidence: Evidence) -> None:
    watched = (one for one in evidence.accounts if one.views)
    account = next(one for one in watched if one.views[-1].status == "succeeded")
    ended = account.views[-1]
    for change in ({"status": "running"}, {"progress": 0.5}, {"attempts": 0}):
        again = View(**asdict(ended) | change | {"begun": 1e12, "ended": 2e12})
        account.views.append(again)
        assert judge(evidence).of("backwards"), change
        account.views.remove(again)
    assert not judge(evidence)


@pytest.mark.parametrize(
    "change", [{"status": Status.RUNNING}, {"attempt": 0}, {"artworks": ()}, {"announce": True}]
)
def test_a_record_that_moved_back_is_seen_in_the_journal(
    evidence: Evidence, job: JobRecord, change: dict[str, object]
) -> None:
    writes = [write for write in evidence.writes if write.pk == job.id and write.job]
    last = max(writes, key=lambda write: write.version)
    assert last.job
    state = last.job.model_copy(update=change)
    evidence.writes.append(last.model_copy(update={"job": state, "version": last.version + 1}))
    evidence.records[job.id] = job.model_copy(update={"version": last.version + 1})
    assert judge(evidence).of("backwards")


@pytest.mark.parametrize("unwritten", [0, 2])
def test_an_artwork_of_a_fenced_attempt_is_seen(
    evidence: Evidence, job: JobRecord, unwritten: int
) -> None:
    """Also where writes just before it are not in the journal."""
    for number, write in enumerate(evidence.writes):
        if write.pk == job.id and write.job and write.job.artworks:
            stale = tuple(one._replace(attempt=one.attempt - 1) for one in write.job.artworks)
            changed = write.job.model_copy(update={"artworks": stale})
            told = {"job": changed, "version": write.version + unwritten}
            evidence.writes[number] = write.model_copy(update=told)
    evidence.records[job.id] = job.model_copy(update={"version": job.version + unwritten})
    assert judge(evidence).of("backwards")


def test_what_is_still_to_be_done_and_unexplained_exits_are_told(evidence: Evidence) -> None:
    evidence.left.append("1 messages wait")
    evidence.deaths.append("worker-1 ended with status 1")
    counts = judge(evidence).counts()
    assert (counts["stuck"], counts["deaths"]) == (1, 1)


def written(version: int, attempt: int, began: float, told: float) -> Write:
    """A line of the journal: the write that gave the job to that attempt."""
    job = JobState(
        status=Status.RUNNING if attempt else Status.QUEUED,
        attempt=attempt,
        tries=attempt,
        holder=f"worker-{attempt}" if attempt else None,
        count=1,
        artworks=(),
        cancel_requested=False,
        deleted=False,
        announce=False,
        error=None,
    )
    clocks = {"at": told, "clock": told, "begun": began}
    return Write(
        pid=attempt, act="put", kind="job", pk="j", sk="job", version=version, job=job, **clocks
    )


@pytest.mark.parametrize(
    ("began", "told", "stolen"),
    [
        (10.0, 10.1, True),  # the holder began a moment ago
        (7.0, 16.0, False),  # it began long ago, was stopped, its line came after its successor's
    ],
)
def test_a_job_taken_from_one_that_lives_is_twice(
    evidence: Evidence, began: float, told: float, stolen: bool
) -> None:
    evidence.writes = [
        written(1, 0, 6.0, 6.1),
        written(2, 1, began, told),
        written(3, 2, 11.0, 11.1),
    ]
    findings = Findings()
    check_steals(evidence, findings)
    assert bool(findings.of("twice")) is stolen
