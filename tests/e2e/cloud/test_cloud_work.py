"""What becomes of a wish in the cloud, with a worker at work."""

import json
from collections.abc import Iterator
from hashlib import sha256

import pytest
from standardwebhooks import Webhook

from shared.signing import webhook_secret
from tests.e2e.cloud.deployment import Deployment
from tests.e2e.cloud.workers import worker
from tests.machine import PHOTO, wait_until
from tests.receiver import Receiver, receiving

pytestmark = pytest.mark.slow

TENANT = "studio-a"


@pytest.fixture(scope="module", autouse=True)
def _worker(cloud: Deployment) -> Iterator[None]:
    with worker(cloud):
        yield


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def test_an_upload_becomes_an_artwork_and_its_end_is_told(
    cloud: Deployment, receiver: Receiver
) -> None:
    caller = cloud.caller(TENANT)
    ticket = caller.ticket(job={"model": "plain", "webhook": receiver.url("/hook")})
    cloud.upload(ticket, PHOTO)
    job = caller.until(ticket["job_id"], "succeeded")
    (artwork,) = job["artworks"]
    assert sha256(cloud.download(caller, artwork["id"])).hexdigest() == artwork["sha256"]
    assert {"IngestFunction", "worker"} <= set(cloud.logged(job["id"]))
    manifest = caller.call("GET", f"/v1/artworks/{artwork['id']}/manifest").json()
    assert sha256(PHOTO).hexdigest() in json.dumps(manifest)

    wait_until(lambda: receiver.requests, 60)
    (call,) = receiver.requests
    told = Webhook(webhook_secret(cloud.system.secret(), TENANT)).verify(call.body, call.headers)
    assert told["type"] == "job.succeeded"
    lasting = f"{cloud.stack.outputs['ApiUrl']}/v1/artworks/{artwork['id']}"
    assert [one["url"] for one in told["data"]["artworks"]] == [lasting]
    assert cloud.told(job["id"]) == [told]


def test_a_jobs_id_stands_in_every_log_on_its_way(cloud: Deployment, receiver: Receiver) -> None:
    caller = cloud.caller(TENANT)
    job = caller.submit(webhook=receiver.url("/hook"))
    way = {"ApiFunction", "worker", "NotifyFunction", "DeliverFunction"}
    wait_until(lambda: set(cloud.logged(job)) == way, 60)


def test_a_drop_is_made_as_its_folder_says_and_mirrored(cloud: Deployment) -> None:
    settings = json.dumps({"model": "plain", "seed": 7, "metadata": {"for": "a fair"}})
    folder = f"drops/{TENANT}/spring sale"
    cloud.system.inbox.put(f"{folder}/atelier.json", settings.encode(), "application/json")
    cloud.system.inbox.put(f"{folder}/a cat+dog é.jpg", PHOTO, "image/jpeg")
    caller = cloud.caller(TENANT)

    def jobs() -> list[dict[str, object]]:
        page = caller.call("GET", "/v1/jobs", params={"batch": "spring sale"}).json()
        return [one for one in page["items"] if one["status"] == "succeeded"]

    wait_until(jobs, 60)
    (job,) = jobs()
    assert (job["seed"], job["metadata"]) == (7, {"for": "a fair"})
    mirrored = f"mirror/{TENANT}/spring sale/a cat+dog é.jpg.png"
    wait_until(lambda: cloud.system.artworks.get(mirrored), 60)
    (artwork,) = cloud.record(str(job["id"])).artworks
    stored = cloud.system.artworks.get(mirrored)
    assert stored is not None
    assert sha256(stored).hexdigest() == artwork.sha256
    assert list(cloud.system.artworks.keys("mirror/")) == [mirrored]


def test_a_running_job_is_canceled(cloud: Deployment) -> None:
    caller = cloud.caller(TENANT)
    job = caller.submit(params={"seconds": 600, "steps": 6000})
    caller.until(job, "running")
    assert caller.call("POST", f"/v1/jobs/{job}/cancel", json={}).status_code in (200, 202)
    caller.until(job, "canceled")
    wait_until(lambda: [one["type"] for one in cloud.told(job)] == ["job.canceled"], 60)


def test_what_is_deleted_leaves_no_byte(cloud: Deployment, receiver: Receiver) -> None:
    caller = cloud.caller("studio-d")
    ticket = caller.ticket(job={"model": "plain", "count": 2, "webhook": receiver.url("/hook")})
    cloud.upload(ticket, PHOTO)
    caller.until(ticket["job_id"], "succeeded")
    cloud.system.inbox.put("drops/studio-d/one/photo.jpg", PHOTO, "image/jpeg")
    wait_until(lambda: list(cloud.system.artworks.keys("mirror/studio-d/")), 60)
    wait_until(lambda: receiver.requests, 60)
    jobs = [one["id"] for one in caller.call("GET", "/v1/jobs").json()["items"]]
    assert len(jobs) == 2
    for job in jobs:
        assert caller.call("DELETE", f"/v1/jobs/{job}").status_code == 204
        assert caller.call("GET", f"/v1/jobs/{job}").status_code == 410
    for blobs, kind in ((cloud.system.inbox, "inbox"), (cloud.system.artworks, "artworks")):
        left = [key for key in blobs.keys("") if "studio-d" in key]
        assert left == [], kind


def test_tenants_are_apart_whether_by_key_or_by_token(cloud: Deployment) -> None:
    with_key, with_token = cloud.caller(TENANT), cloud.bearer(tenant="studio-b")
    theirs, ours = with_key.submit(), with_token.submit()
    with_token.until(ours, "succeeded")
    with_key.until(theirs, "succeeded")
    for caller, foreign in ((with_key, ours), (with_token, theirs)):
        listed = [one["id"] for one in caller.call("GET", "/v1/jobs").json()["items"]]
        assert foreign not in listed
        for path in (f"/v1/jobs/{foreign}", f"/v1/artworks/{foreign}-0"):
            assert caller.call("GET", path).status_code == 404
        assert caller.call("DELETE", f"/v1/jobs/{foreign}").status_code == 404
    stranger = cloud.bearer(iss="https://somebody.else", tenant=TENANT)
    assert stranger.call("GET", "/v1/jobs").status_code == 401
