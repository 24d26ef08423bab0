"""The contract of the HTTP API, call by call."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest

from functions import submission
from gpu_worker.worker import Worker
from shared import lifecycle
from shared.bootstrap import disconnect
from shared.embedded.table import SqliteTable
from shared.records import JobRecord, PulseRecord, UploadRecord
from shared.system import System
from tests.client import Answer, Client, answered

PLAIN = {"model": "plain", "input": {}}
GIVE_UP = 30
PIXEL = (
    b"GIF89a\x01\x00\x01\x00\x80\x00\x00\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00"
)


@pytest.fixture
def client(connected: System) -> Client:
    return Client("local")


@pytest.fixture
def stranger(connected: System) -> Client:
    return Client("somebody-else")


def problem(answer: Answer, status: int, code: str) -> None:
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status, answer.json["status"], answer.json["code"]) == (status, status, code)
    assert answer.json["title"]
    assert answer.json["detail"]


def arrive(system: System, upload_id: str, data: bytes = PIXEL) -> None:
    upload = system.table.get(UploadRecord, upload_id)
    assert upload is not None
    system.inbox.put(upload.key, data, upload.content_type)


def test_a_submitted_job_is_accepted_and_says_where_it_is(client: Client) -> None:
    answer = client.post("/v1/jobs", {**PLAIN, "metadata": {"name": "狐狸"}})
    assert answer.status == 202
    job = answer.json
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}"
    assert int(answer.headers["retry-after"]) >= 1
    assert (job["status"], job["progress"], job["attempts"]) == ("queued", 0, 0)
    assert job["queue"] == {"position": 0, "reason": "waiting for a worker"}
    assert job["metadata"] == {"name": "狐狸"}
    assert client.get(job["links"]["self"]).json["id"] == job["id"]


def test_a_finished_job_links_its_artworks_and_their_provenance(
    client: Client, hand: Worker
) -> None:
    job = client.post("/v1/jobs", {**PLAIN, "count": 2, "seed": 5}).json
    hand.once()
    done = client.get(f"/v1/jobs/{job['id']}").json
    assert (done["status"], done["progress"], done["error"]) == ("succeeded", 1, None)
    assert done["created_at"].endswith("Z")
    first, second = done["artworks"]
    assert (first["id"], second["index"]) == (f"{job['id']}-0", 1)
    assert (first["media_type"], first["width"], first["height"]) == ("image/png", 16, 16)
    moved = client.get(f"/v1/artworks/{first['id']}")
    assert moved.status == 302
    assert urlsplit(moved.headers["location"]).path == urlsplit(first["url"]).path
    manifest = client.get(f"/v1/artworks/{first['id']}/manifest").json
    assert (manifest["sha256"], manifest["job_seed"]) == (first["sha256"], 5)
    problem(client.get(f"/v1/artworks/{job['id']}-7"), 404, "artwork_not_found")


def test_an_unchanged_job_is_answered_304_until_it_changes(client: Client, hand: Worker) -> None:
    job = client.post("/v1/jobs", PLAIN).json
    path = f"/v1/jobs/{job['id']}"
    tag = client.get(path).headers["etag"]
    again = client.get(path, If_None_Match=tag)
    assert (again.status, again.text, again.headers["etag"]) == (304, "", tag)
    hand.once()
    changed = client.get(path, If_None_Match=tag)
    assert changed.status == 200
    assert changed.headers["etag"] != tag


def test_wait_returns_early_on_a_change(client: Client, hand: Worker) -> None:
    job = client.post("/v1/jobs", PLAIN).json
    threading.Timer(0.3, hand.once).start()
    began = time.monotonic()
    tag = client.get(f"/v1/jobs/{job['id']}").headers["etag"]
    seen = job
    while seen["status"] != "succeeded":
        answer = client.get(f"/v1/jobs/{job['id']}?wait=20", If_None_Match=tag)
        assert answer.status == 200
        seen, tag = answer.json, answer.headers["etag"]
    assert time.monotonic() - began < 10


def test_wait_ends_without_a_change_too(client: Client) -> None:
    job = client.post("/v1/jobs", PLAIN).json
    began = time.monotonic()
    tag = client.get(f"/v1/jobs/{job['id']}").headers["etag"]
    assert client.get(f"/v1/jobs/{job['id']}?wait=1", If_None_Match=tag).status == 304
    assert 0.9 < time.monotonic() - began < 5
    problem(client.get(f"/v1/jobs/{job['id']}?wait=21"), 422, "invalid_request")


def test_waiting_clients_do_not_keep_others_from_being_answered(client: Client) -> None:
    job = client.post("/v1/jobs", PLAIN).json
    waiting = [
        threading.Thread(target=client.get, args=(f"/v1/jobs/{job['id']}?wait=3",))
        for _ in range(8)
    ]
    for thread in waiting:
        thread.start()
    began = time.monotonic()
    assert client.post("/v1/jobs", PLAIN).status == 202
    assert time.monotonic() - began < 1.5
    for thread in waiting:
        thread.join()


def test_many_are_answered_at_once_and_each_what_it_asked_for(connected: System) -> None:
    def ask(tenant: str) -> None:
        client = Client(tenant)
        for n in range(15):
            job = client.post("/v1/jobs", {**PLAIN, "metadata": {"who": f"{tenant} {n}"}}).json
            seen = client.get(f"/v1/jobs/{job['id']}")
            assert (seen.status, seen.json["metadata"]) == (200, {"who": f"{tenant} {n}"})
        listed = client.get("/v1/jobs").json["items"]
        assert {job["metadata"]["who"].split()[0] for job in listed} == {tenant}

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(ask, [f"tenant-{n}" for n in range(8)]))


def test_who_waits_for_the_disk_keeps_nobody_from_looking(client: Client, system: System) -> None:
    job = client.post("/v1/jobs", PLAIN).json
    holding, looked = threading.Event(), threading.Event()
    table = system.table
    assert isinstance(table, SqliteTable)

    def hold() -> None:
        with table.database.alone():
            holding.set()
            looked.wait(GIVE_UP)

    with ThreadPoolExecutor(2) as threads:
        threads.submit(hold)
        assert holding.wait(GIVE_UP)
        submitting = threads.submit(client.post, "/v1/jobs", PLAIN)
        with pytest.raises(TimeoutError):
            submitting.result(0.3)
        assert client.get(f"/v1/jobs/{job['id']}").status == 200
        assert not submitting.done()
        looked.set()
        assert submitting.result(GIVE_UP).status == 202


def test_the_same_key_and_body_again_give_the_same_job(client: Client, hand: Worker) -> None:
    first = client.post("/v1/jobs", PLAIN, Idempotency_Key="k1")
    hand.once()
    second = client.post("/v1/jobs", PLAIN, Idempotency_Key="k1")
    assert second.status == 202
    assert second.json["id"] == first.json["id"]
    assert second.json["status"] == "succeeded"
    assert len(client.get("/v1/jobs").json["items"]) == 1


def test_the_same_key_with_another_body_is_a_conflict(client: Client) -> None:
    client.post("/v1/jobs", PLAIN, Idempotency_Key="k1")
    other = client.post("/v1/jobs", {**PLAIN, "count": 2}, Idempotency_Key="k1")
    problem(other, 409, "idempotency_mismatch")


def test_a_key_is_gone_with_its_job(client: Client) -> None:
    job = client.post("/v1/jobs", PLAIN, Idempotency_Key="k1").json
    assert client.delete(f"/v1/jobs/{job['id']}").status == 204
    problem(client.post("/v1/jobs", PLAIN, Idempotency_Key="k1"), 410, "gone")


def test_a_refused_request_does_not_use_up_its_key(client: Client) -> None:
    bad = {"model": "plain", "input": {}, "params": {"seconds": "x"}}
    problem(client.post("/v1/jobs", bad, Idempotency_Key="k1"), 422, "invalid_request")
    assert client.post("/v1/jobs", PLAIN, Idempotency_Key="k1").status == 202


def test_a_key_finds_its_job_even_where_the_request_would_be_refused_by_now(
    client: Client, connected: System
) -> None:
    ticket = client.post("/v1/uploads", {"content_type": "image/gif", "size": 9}).json
    arrive(connected, ticket["id"])
    body = {"model": "plain", "input": {"image": {"upload": ticket["id"]}}}
    taken = client.post("/v1/jobs", body, Idempotency_Key="k1")
    connected.inbox.delete(f"uploads/local/{ticket['id']}")
    problem(client.post("/v1/jobs", body), 409, "upload_incomplete")
    problem(client.post("/v1/jobs", body, Idempotency_Key="k2"), 409, "upload_incomplete")
    again = client.post("/v1/jobs", body, Idempotency_Key="k1")
    assert (again.status, again.json["id"]) == (202, taken.json["id"])
    other = client.post("/v1/jobs", {**body, "count": 2}, Idempotency_Key="k1")
    problem(other, 409, "idempotency_mismatch")


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/uploads"])
def test_a_refused_webhook_does_not_use_up_its_key_either(client: Client, path: str) -> None:
    def body(webhook: str) -> dict[str, Any]:
        job = {"model": "plain", "webhook": webhook}
        if path == "/v1/jobs":
            return {**job, "input": {}}
        return {"content_type": "image/gif", "size": 9, "job": job}

    refused = client.post(path, body("http://example.com/"), Idempotency_Key="k1")
    problem(refused, 422, "invalid_request")
    assert client.get("/v1/jobs").json["items"] == []
    taken = client.post(path, body("https://example.com/"), Idempotency_Key="k1")
    assert taken.status in (201, 202)


def test_racing_submits_with_one_key_make_one_job(client: Client) -> None:
    ids: list[str] = []
    racers = [
        threading.Thread(
            target=lambda: ids.append(
                client.post("/v1/jobs", PLAIN, Idempotency_Key="k").json["id"]
            )
        )
        for _ in range(8)
    ]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    assert len(ids) == 8
    assert len(set(ids)) == 1


def test_keys_of_two_tenants_are_apart(client: Client, stranger: Client) -> None:
    mine = client.post("/v1/jobs", PLAIN, Idempotency_Key="k1").json["id"]
    theirs = stranger.post("/v1/jobs", PLAIN, Idempotency_Key="k1").json["id"]
    assert mine != theirs


def test_an_upload_starts_the_job_that_came_with_it(
    client: Client, connected: System, hand: Worker
) -> None:
    ticket = client.post(
        "/v1/uploads",
        {"content_type": "image/gif", "size": len(PIXEL), "job": {"model": "plain"}},
    )
    assert ticket.status == 201
    job = client.get(f"/v1/jobs/{ticket.json['job_id']}").json
    assert job["status"] == "awaiting_upload"
    assert job["queue"]["reason"] == "waiting for the upload"
    assert ticket.json["method"] == "PUT"
    assert ticket.json["headers"]["content-type"] == "image/gif"
    assert ticket.json["headers"]["if-none-match"] == "*"


def test_an_upload_may_serve_several_jobs_and_goes_with_the_last(
    client: Client, connected: System, hand: Worker
) -> None:
    ticket = client.post("/v1/uploads", {"content_type": "image/gif", "size": 9}).json
    body = {"model": "plain", "input": {"image": {"upload": ticket["id"]}}}
    problem(client.post("/v1/jobs", body), 409, "upload_incomplete")
    arrive(connected, ticket["id"])
    jobs = [client.post("/v1/jobs", body).json["id"] for _ in range(2)]
    client.delete(f"/v1/jobs/{jobs[0]}")
    upload = connected.table.get(UploadRecord, ticket["id"])
    assert upload is not None
    assert connected.inbox.head(upload.key) is not None
    client.delete(f"/v1/jobs/{jobs[1]}")
    assert connected.inbox.head(upload.key) is None
    unused = connected.table.get(UploadRecord, ticket["id"])
    assert unused is not None
    assert unused.due_at is not None  # swept when its URL has closed


def test_an_upload_of_another_tenant_does_not_exist(
    client: Client, stranger: Client, connected: System
) -> None:
    ticket = client.post("/v1/uploads", {"content_type": "image/gif", "size": 9}).json
    arrive(connected, ticket["id"])
    body = {"model": "plain", "input": {"image": {"upload": ticket["id"]}}}
    problem(stranger.post("/v1/jobs", body), 404, "upload_not_found")


def test_an_uploads_key_gives_the_same_upload_again(client: Client) -> None:
    body = {"content_type": "image/gif", "size": 9, "job": {"model": "plain"}}
    first = client.post("/v1/uploads", body, Idempotency_Key="u").json
    second = client.post("/v1/uploads", body, Idempotency_Key="u").json
    assert (first["id"], first["job_id"]) == (second["id"], second["job_id"])


def test_cancel_is_immediate_while_queued_and_final(client: Client, hand: Worker) -> None:
    job = client.post("/v1/jobs", PLAIN).json
    path = f"/v1/jobs/{job['id']}/cancel"
    assert (client.post(path).status, client.post(path).status) == (200, 200)
    hand.once()
    assert client.get(f"/v1/jobs/{job['id']}").json["status"] == "canceled"


def test_progress_does_not_fall_back_when_a_running_job_ends(
    client: Client, connected: System
) -> None:
    job = client.post("/v1/jobs", PLAIN).json
    record = connected.table.get(JobRecord, job["id"])
    assert record is not None
    now = connected.now()
    running = connected.table.put(lifecycle.start(record, "worker", now, max_tries=3))
    connected.table.put(PulseRecord(job=running.id, attempt=1, beat=1, progress=0.6))
    lease = lifecycle.Lease("worker", 1)
    connected.table.put(lifecycle.confirm_cancel(running, lease, now))
    ended = client.get(f"/v1/jobs/{job['id']}").json
    assert (ended["status"], ended["progress"]) == ("canceled", 0.6)


def test_progress_is_the_same_wherever_it_is_told(client: Client, connected: System) -> None:
    key = {"Idempotency-Key": "key-000000000001"}
    job = client.post("/v1/jobs", PLAIN, **key).json
    record = connected.table.get(JobRecord, job["id"])
    assert record is not None
    connected.table.put(lifecycle.start(record, "worker", connected.now(), max_tries=3))
    connected.table.put(PulseRecord(job=record.id, attempt=1, beat=1, progress=0.6))
    again = client.post("/v1/jobs", PLAIN, **key).json
    (listed,) = client.get("/v1/jobs").json["items"]
    looked = client.get(f"/v1/jobs/{job['id']}").json
    assert again == listed == looked
    assert looked["progress"] == 0.6


def test_an_ended_job_cannot_be_canceled(client: Client, hand: Worker) -> None:
    job = client.post("/v1/jobs", PLAIN).json
    hand.once()
    problem(client.post(f"/v1/jobs/{job['id']}/cancel"), 409, "job_ended")


def test_delete_removes_every_byte(client: Client, connected: System, hand: Worker) -> None:
    job = client.post("/v1/jobs", {**PLAIN, "input": {"text": "a secret prompt"}}).json
    hand.once()
    assert list(connected.artworks.keys(f"local/{job['id']}/"))
    assert client.delete(f"/v1/jobs/{job['id']}").status == 204
    assert not list(connected.artworks.keys(f"local/{job['id']}/"))
    problem(client.get(f"/v1/jobs/{job['id']}"), 410, "gone")
    assert client.get("/v1/jobs").json["items"] == []


def test_lists_are_paged_newest_first(client: Client) -> None:
    made = [client.post("/v1/jobs", PLAIN).json["id"] for _ in range(53)]
    first = client.get("/v1/jobs").json
    rest = client.get(f"/v1/jobs?cursor={first['next']}").json
    listed = [job["id"] for job in first["items"] + rest["items"]]
    assert listed == sorted(made, reverse=True)
    assert rest["next"] is None


def test_lists_filter_by_status(client: Client, hand: Worker) -> None:
    done = client.post("/v1/jobs", PLAIN).json["id"]
    hand.once()
    waiting = client.post("/v1/jobs", PLAIN).json["id"]
    for status, expected in (("succeeded", done), ("queued", waiting)):
        listed = client.get(f"/v1/jobs?status={status}").json["items"]
        assert [job["id"] for job in listed] == [expected]
    problem(client.get("/v1/jobs?status=sleeping"), 422, "invalid_request")


def test_a_tenant_sees_only_its_own(client: Client, stranger: Client, hand: Worker) -> None:
    job = client.post("/v1/jobs", PLAIN).json["id"]
    hand.once()
    problem(stranger.get(f"/v1/jobs/{job}"), 404, "job_not_found")
    problem(stranger.post(f"/v1/jobs/{job}/cancel"), 404, "job_not_found")
    problem(stranger.delete(f"/v1/jobs/{job}"), 404, "job_not_found")
    problem(stranger.get(f"/v1/jobs/{job}/deliveries"), 404, "job_not_found")
    problem(stranger.get(f"/v1/artworks/{job}-0"), 404, "job_not_found")
    problem(stranger.get(f"/v1/artworks/{job}-0/manifest"), 404, "job_not_found")
    assert stranger.get("/v1/jobs").json["items"] == []


def test_without_a_tenant_nothing_is_answered(connected: System) -> None:
    answer = Client(None).get("/v1/jobs")
    problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_jwts_tenant_is_read_too(connected: System) -> None:
    client = Client("local")
    event = client.event("GET", "/v1/jobs", None, {})
    event["requestContext"]["authorizer"] = {"jwt": {"claims": {"tenant": "studio"}, "scopes": []}}
    from functions.api.handler import handler

    assert handler(event, None)["statusCode"] == 200


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ('{"model": "paint"', 400, "malformed_request"),
        ('{"model": NaN}', 400, "malformed_request"),
        ('{"model": "\\ud800"}', 400, "malformed_request"),
        ("[" * 100_000, 400, "malformed_request"),
        ('{"a":' * 40 + "1" + "}" * 40, 400, "malformed_request"),
        ('{"seed": ' + "9" * 5000 + "}", 400, "malformed_request"),
        ('"' + "x" * 300_000 + '"', 413, "too_large"),
        ("[]", 422, "invalid_request"),
        ("null", 422, "invalid_request"),
        ('"text"', 422, "invalid_request"),
        ("{}", 422, "invalid_request"),
        ('[{"model": "plain", "input": {}}]', 422, "invalid_request"),
        ('{"model": "plain"}', 422, "invalid_request"),
        ('{"model": "plain", "input": {}, "speed": 1}', 422, "invalid_request"),
        ('{"model": "plain", "input": {}, "count": 17}', 422, "invalid_request"),
        ('{"model": "plain", "input": {}, "seed": -1}', 422, "invalid_request"),
        ('{"model": "plain", "input": {}, "webhook": "ftp://x"}', 422, "invalid_request"),
        ('{"model": "plain", "input": {"image": 7}}', 422, "invalid_request"),
        ('{"model": "plain", "input": {}, "params": {"x": 1}}', 422, "invalid_request"),
        ('{"model": "nothing", "input": {}}', 404, "model_not_found"),
    ],
)
def test_bad_bodies_get_a_clear_error(client: Client, body: str, status: int, code: str) -> None:
    problem(client.call("POST", "/v1/jobs", body), status, code)


def test_a_body_that_is_not_json_by_its_type_is_refused(client: Client) -> None:
    answer = client.call("POST", "/v1/jobs", "model=paint", content_type="text/plain")
    problem(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("/v1/jobs?batch=a&batch=b", ["query", "batch"]),
        ("/v1/jobs?status=soon", ["query", "status"]),
        ("/v1/jobs/UPPER", ["path", "job_id"]),
        ("/v1/jobs/" + 26 * "0" + "?wait=21", ["query", "wait"]),
    ],
)
def test_a_bad_parameter_is_named(client: Client, path: str, where: list[str]) -> None:
    event = client.event("GET", path, None, {})
    joined = {"batch": "a,b"} if "batch" in path else event["queryStringParameters"]
    refused = answered({**event, "queryStringParameters": joined})
    problem(refused, 422, "invalid_request")
    assert [error["where"] for error in refused.json["errors"]] == [where]


def test_a_comma_is_a_part_of_a_value(client: Client) -> None:
    assert client.get("/v1/jobs?batch=a,b").json["items"] == []
    first = client.post("/v1/jobs", PLAIN, Idempotency_Key="a,b").json["id"]
    assert client.post("/v1/jobs", PLAIN, Idempotency_Key="a,b").json["id"] == first
    assert client.post("/v1/jobs", PLAIN, Idempotency_Key="a").json["id"] != first


def test_all_that_is_wrong_with_a_body_is_told(client: Client) -> None:
    refused = client.post("/v1/jobs", {"model": "plain", "count": 0, "colour": "red"})
    assert [error["where"] for error in refused.json["errors"]] == [
        ["body", "count"],
        ["body", "input"],
        ["body", "colour"],
    ]


def test_unknown_paths_and_methods_are_our_problems(client: Client) -> None:
    problem(client.get("/v1/nothing"), 404, "not_found")
    refused = client.call("PUT", "/v1/jobs", None)
    problem(refused, 405, "method_not_allowed")
    assert refused.headers["allow"] == "GET, POST"


def test_the_catalogue_is_served(client: Client) -> None:
    names = [card["name"] for card in client.get("/v1/models").json["items"]]
    assert {"paint", "upscale", "plain"} <= set(names)
    paint = client.get("/v1/models/paint").json
    assert "image" in paint["input"]["properties"]
    assert "style" in paint["params"]["properties"]
    problem(client.get("/v1/models/nothing"), 404, "model_not_found")


def test_health_says_ready(client: Client) -> None:
    assert client.get("/health").json == {"ready": True, "reasons": []}


def test_the_description_is_openapi_3_1(client: Client) -> None:
    described: dict[str, Any] = json.loads(client.get("/v1/openapi.json").text)
    assert described["openapi"].startswith("3.1")
    assert {"/v1/jobs", "/v1/uploads", "/v1/artworks/{artwork_id}"} <= set(described["paths"])


def test_a_tenant_that_submits_too_much_is_told_when_to_come_again(
    client: Client, stranger: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATELIER_SUBMITS_PER_MINUTE", "2")
    disconnect()
    upload = {"content_type": "image/png", "size": 5}
    assert client.post("/v1/jobs", PLAIN).status == 202
    assert client.post("/v1/uploads", upload).status == 201
    for refused in (client.post("/v1/jobs", PLAIN), client.post("/v1/uploads", upload)):
        problem(refused, 429, "too_many_requests")
        assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert stranger.post("/v1/jobs", PLAIN).status == 202
    assert client.get("/v1/jobs").status == 200


def test_an_upload_that_went_with_its_last_job_is_not_waited_for(
    client: Client, connected: System
) -> None:
    ticket = client.post("/v1/uploads", {"content_type": "image/gif", "size": len(PIXEL)}).json
    arrive(connected, ticket["id"])
    body = {"model": "plain", "input": {"image": {"upload": ticket["id"]}}}
    job = client.post("/v1/jobs", body).json
    assert client.delete(f"/v1/jobs/{job['id']}").status == 204
    upload = connected.table.get(UploadRecord, ticket["id"])
    assert upload is None or upload.removed
    problem(client.post("/v1/jobs", body), 404, "upload_not_found")


def test_an_upload_serves_so_many_jobs(
    client: Client, connected: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "MOST_JOBS", 1)
    ticket = client.post("/v1/uploads", {"content_type": "image/gif", "size": len(PIXEL)}).json
    arrive(connected, ticket["id"])
    body = {"model": "plain", "input": {"image": {"upload": ticket["id"]}}}
    assert client.post("/v1/jobs", body).status == 202
    problem(client.post("/v1/jobs", body), 409, "upload_exhausted")


@pytest.mark.parametrize("url", ["http://a.test/", "https://a.test:8443/", "https://u:p@a.test/"])
def test_a_webhook_that_can_never_be_called_is_refused_at_once(
    client: Client, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.delenv("ATELIER_ALLOW_NETWORKS", raising=False)
    disconnect()
    problem(client.post("/v1/jobs", {**PLAIN, "webhook": url}), 422, "invalid_request")
