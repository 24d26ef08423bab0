"""Every envelope in `events/`, as AWS sends it, and what it does to a system of one machine."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions import announcing
from functions.api.handler import handler as api
from functions.authorize.handler import handler as authorize
from functions.deliver.handler import handler as deliver
from functions.ingest.drop import MAX_SETTINGS_BYTES
from functions.ingest.handler import handler as ingest
from functions.notify.handler import handler as notify
from functions.studio.handler import handler as studio
from functions.sweep.handler import handler as sweep
from gpu_worker.worker import Worker
from shared.contract import Status
from shared.errors import Unavailable
from shared.records import DeliveryRecord, DropSource, JobRecord, KeyRecord, UploadRecord
from shared.system import DELIVERIES, System
from tests.receiver import receiving
from tests.scenes import (
    EVENTS,
    JOB,
    OTHER_JOB,
    TENANT,
    Event,
    made_by,
    put_awaiting,
    put_delivery,
    put_ended,
    put_job,
    put_key,
    put_upload,
    read_event,
    stored,
)

CLAIMED: set[str] = set()
NOBODY_FAILED: dict[str, list[Any]] = {"batchItemFailures": []}


def replays(*names: str) -> pytest.MarkDecorator:
    """The test is called once with each of these files as its `event`."""
    CLAIMED.update(names)
    return pytest.mark.parametrize("event", [read_event(name) for name in names], ids=names)


def test_every_event_is_replayed() -> None:
    assert {path.name for path in EVENTS.iterdir()} == {f"{name}.json" for name in CLAIMED}


# --- What came of them ----------------------------------------------------------------------------


def delivery_of(system: System, job_id: str = JOB) -> DeliveryRecord:
    found = system.table.get(DeliveryRecord, job_id, "delivery#000")
    assert found is not None
    return found


def dropped(system: System) -> list[JobRecord]:
    return system.table.batch(f"{TENANT}/autumn show", None, 10)


def told(system: System) -> list[str]:
    """The jobs whose end was published."""
    assert system.settings.data
    path = system.settings.data / "events.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line)["event"]["data"]["id"] for line in lines]


def call(event: Event, status: int) -> Any:
    """The api's answer to the event, which must have that status."""
    answer = api(event, None)
    assert answer["statusCode"] == status, answer
    return json.loads(answer["body"]) if answer.get("body") else answer


def failures(event: Event, *positions: int) -> dict[str, Sequence[dict[str, str]]]:
    """The answer that sends these records of the event again."""
    records = [event["Records"][position] for position in positions]
    names = [
        record["dynamodb"]["SequenceNumber"] if "dynamodb" in record else record["messageId"]
        for record in records
    ]
    return {"batchItemFailures": [{"itemIdentifier": name} for name in names]}


# --- HTTP: the api --------------------------------------------------------------------------------


@replays("http_post_job", "http_post_job_jwt")
def test_a_submitted_job_belongs_to_the_tenant_whom_the_gateway_names(
    connected: System, event: Event
) -> None:
    job = call(event, 202)
    assert stored(connected, job["id"]).tenant == TENANT
    assert stored(connected, job["id"]).metadata == {"album": "狐狸"}
    assert connected.lane("standard", "interactive").depth() == 1


@replays("http_post_job")
def test_a_repeated_submission_is_the_same_job(connected: System, event: Event) -> None:
    assert call(event, 202)["id"] == call(event, 202)["id"]
    assert len(connected.table.owned(JobRecord, TENANT, None, 10)) == 1


@replays("http_post_job_unknown_caller")
def test_without_an_authorizers_word_nobody_is_let_in(connected: System, event: Event) -> None:
    assert call(event, 401)["code"] == "unauthenticated"


@replays("http_post_job_form")
def test_a_form_is_no_job(connected: System, event: Event) -> None:
    assert call(event, 415)["code"] == "unsupported_media_type"


@replays("http_post_job_broken_json")
def test_a_body_that_breaks_off_is_told(connected: System, event: Event) -> None:
    assert call(event, 400)["code"] == "malformed_request"


@replays("http_post_upload")
def test_an_upload_ticket_signs_the_exact_size(connected: System, event: Event) -> None:
    ticket = call(event, 201)
    assert ticket["headers"]["content-length"] == "43"
    upload = connected.table.get(UploadRecord, ticket["id"])
    assert upload
    assert upload.filename == "狐狸 + 月亮.jpg"


@replays("http_post_upload_with_job")
def test_an_upload_ticket_may_hold_a_job_that_waits(connected: System, event: Event) -> None:
    ticket = call(event, 201)
    assert stored(connected, ticket["job_id"]).status is Status.AWAITING_UPLOAD


@replays("http_get_job", "http_get_job_jwt", "http_get_job_wait")
def test_a_job_is_shown_to_its_owner(connected: System, event: Event) -> None:
    put_job(connected)
    assert call(event, 200)["id"] == JOB


@replays("http_get_job")
def test_a_job_is_not_shown_to_others(connected: System, event: Event) -> None:
    put_job(connected, tenant="studio-b")
    assert call(event, 404)["code"] == "job_not_found"


@replays("http_get_job_unchanged")
def test_a_job_that_has_not_changed_is_not_sent_again(connected: System, event: Event) -> None:
    put_job(connected)
    assert "id" not in call(event, 304)


@replays("http_list_jobs")
def test_the_list_holds_what_was_asked_for(connected: System, event: Event) -> None:
    put_job(connected)
    put_ended(connected, OTHER_JOB)
    assert [job["id"] for job in call(event, 200)["items"]] == [JOB]


@replays("http_list_batch")
def test_a_batch_may_have_a_space_in_its_name(connected: System, event: Event) -> None:
    put_job(connected, drop=DropSource(batch="autumn show", name="a fox.jpg"))
    put_job(connected, OTHER_JOB)
    assert [job["id"] for job in call(event, 200)["items"]] == [JOB]


@replays("http_cancel_job")
def test_a_queued_job_is_canceled_at_once(connected: System, event: Event) -> None:
    put_job(connected)
    assert call(event, 200)["status"] == "canceled"


@replays("http_delete_job")
def test_a_deleted_job_leaves_nothing(connected: System, hand: Worker, event: Event) -> None:
    made_by(hand, connected)
    call(event, 204)
    assert stored(connected).deleted
    assert list(connected.artworks.keys(f"{TENANT}/{JOB}/")) == []


@replays("http_list_deliveries")
def test_the_delivery_log_is_shown(connected: System, event: Event) -> None:
    put_job(connected)
    put_delivery(connected)
    assert [delivery["state"] for delivery in call(event, 200)["items"]] == ["pending"]


@replays("http_redeliver")
def test_a_webhook_is_sent_again(connected: System, event: Event) -> None:
    put_job(connected)
    put_delivery(connected)
    call(event, 202)
    assert connected.queue(DELIVERIES).depth() == 1


@replays("http_get_artwork")
def test_an_artworks_link_leads_to_its_bytes(connected: System, hand: Worker, event: Event) -> None:
    digest = made_by(hand, connected).artworks[0].sha256
    location = call(event, 302)["headers"]["Location"]
    assert digest in location


@replays("http_get_manifest")
def test_the_manifest_says_how_it_was_made(connected: System, hand: Worker, event: Event) -> None:
    made_by(hand, connected)
    assert call(event, 200)["artwork"] == f"{JOB}-0"


@replays("http_get_models")
def test_the_catalogue_is_listed(connected: System, event: Event) -> None:
    assert "paint" in {model["name"] for model in call(event, 200)["items"]}


@replays("http_get_model")
def test_a_model_is_described(connected: System, event: Event) -> None:
    assert call(event, 200)["task"]


@replays("http_health")
def test_health_needs_no_key(connected: System, event: Event) -> None:
    assert call(event, 200) == {"ready": True, "reasons": []}


@replays("http_openapi")
def test_the_description_needs_no_key(connected: System, event: Event) -> None:
    assert call(event, 200)["openapi"].startswith("3.1")


@replays("http_unknown_path")
def test_an_unknown_path_is_our_404(connected: System, event: Event) -> None:
    assert call(event, 404)["code"] == "not_found"


@replays("http_wrong_method")
def test_a_wrong_method_is_our_405(connected: System, event: Event) -> None:
    assert call(event, 405)["code"] == "method_not_allowed"


# --- HTTP: the page -------------------------------------------------------------------------------


@replays("studio_page")
def test_the_page_is_served(event: Event) -> None:
    answer = studio(event, None)
    assert answer["statusCode"] == 200
    assert answer["headers"]["content-type"] == "text/html; charset=utf-8"
    assert "studio.js" in answer["body"]


@replays("studio_file")
def test_the_pages_script_is_served(event: Event) -> None:
    answer = studio(event, None)
    assert (answer["statusCode"], answer["headers"]["content-type"][:15]) == (
        200,
        "text/javascript",
    )


@replays("studio_file_missing")
def test_the_page_has_no_other_files(event: Event) -> None:
    assert json.loads(studio(event, None)["body"])["code"] == "not_found"


@replays("studio_wrong_method")
def test_the_page_is_only_read(event: Event) -> None:
    assert studio(event, None)["statusCode"] == 405


# --- The authorizer -------------------------------------------------------------------------------


@pytest.fixture
def key(connected: System) -> KeyRecord:
    return put_key(connected)


@replays("authorizer_good_key")
def test_a_good_key_names_its_tenant(key: KeyRecord, event: Event) -> None:
    context = {"tenant": TENANT, "key": key.id}
    assert authorize(event, None) == {"isAuthorized": True, "context": context}


@replays("authorizer_good_key")
def test_a_revoked_key_opens_nothing(connected: System, key: KeyRecord, event: Event) -> None:
    connected.table.put(key.model_copy(update={"revoked_at": datetime.now(UTC)}))
    assert authorize(event, None) == {"isAuthorized": False}


@replays("authorizer_unknown_key", "authorizer_basic")
def test_another_key_opens_nothing(key: KeyRecord, event: Event) -> None:
    assert authorize(event, None) == {"isAuthorized": False}


# --- S3 by way of SQS: uploads and drops ----------------------------------------------------------


@replays("s3_upload")
def test_an_upload_starts_the_job_that_waits_for_it(connected: System, event: Event) -> None:
    put_upload(connected)
    put_awaiting(connected)
    assert ingest(event, None) == NOBODY_FAILED
    assert stored(connected).status is Status.QUEUED
    assert connected.lane("standard", "interactive").depth() == 1


@replays("s3_upload")
def test_an_upload_of_which_nobody_knows_is_left_alone(connected: System, event: Event) -> None:
    assert ingest(event, None) == NOBODY_FAILED
    assert connected.lane("standard", "interactive").depth() == 0


@replays("s3_drop_names")
def test_dropped_files_become_jobs_under_their_real_names(connected: System, event: Event) -> None:
    assert ingest(event, None) == NOBODY_FAILED
    names = {job.drop.name for job in dropped(connected) if job.drop}
    assert names == {"a fox.jpg", "1+1=2.jpg", "狐狸 & 月亮.png", "by night/100%.webp"}
    for job in dropped(connected):
        assert job.drop
        assert job.input == {"image": {"drop": f"drops/{TENANT}/autumn show/{job.drop.name}"}}
    assert connected.lane("standard", "bulk").depth() == 4


@replays("s3_drop_names")
def test_a_batchs_settings_hold_for_each_of_its_files(connected: System, event: Event) -> None:
    settings = b'{"metadata": {"show": "autumn"}, "count": 2}'
    connected.inbox.put(f"drops/{TENANT}/autumn show/atelier.json", settings, "application/json")
    ingest(event, None)
    assert [(job.count, job.metadata) for job in dropped(connected)] == [
        (2, {"show": "autumn"})
    ] * 4


@replays("s3_drop_names")
def test_settings_of_any_size_are_not_read(connected: System, event: Event) -> None:
    settings = b'{"count": 2}' + b" " * MAX_SETTINGS_BYTES
    connected.inbox.put(f"drops/{TENANT}/autumn show/atelier.json", settings, "application/json")
    assert ingest(event, None) == NOBODY_FAILED
    errors = {job.error.code for job in dropped(connected) if job.error}
    assert errors == {"batch_settings_invalid"}


@replays("s3_drop_settings")
def test_the_settings_are_no_job_themselves(connected: System, event: Event) -> None:
    assert ingest(event, None) == NOBODY_FAILED
    assert dropped(connected) == []


@replays("s3_drop_twice")
def test_an_event_that_comes_twice_is_one_job(connected: System, event: Event) -> None:
    assert ingest(event, None) == NOBODY_FAILED
    assert len(dropped(connected)) == 1


@replays("s3_drop_among_garbage")
def test_garbage_does_not_hold_up_a_drop(connected: System, event: Event) -> None:
    assert ingest(event, None) == failures(event, 0)
    assert len(dropped(connected)) == 1


@replays("s3_test_event")
def test_the_test_that_s3_sends_first_does_nothing(connected: System, event: Event) -> None:
    assert ingest(event, None) == NOBODY_FAILED


# --- The table's stream ---------------------------------------------------------------------------


@replays("dynamodb_ended_jobs")
def test_the_end_of_a_job_is_told_once(connected: System, event: Event) -> None:
    put_ended(connected, JOB, webhook="https://example.com/hook")
    put_ended(connected, OTHER_JOB)
    assert notify(event, None) == NOBODY_FAILED
    assert told(connected) == [JOB, OTHER_JOB]
    assert not stored(connected).announce
    assert connected.queue(DELIVERIES).depth() == 1


@replays("dynamodb_ended_jobs")
def test_a_stale_image_announces_nothing(connected: System, event: Event) -> None:
    put_ended(connected)
    connected.table.put(stored(connected).model_copy(update={"announce": False}))
    assert notify(event, None) == NOBODY_FAILED
    assert told(connected) == []


@replays("dynamodb_not_ours")
def test_what_the_filter_would_hold_back_does_nothing(connected: System, event: Event) -> None:
    put_ended(connected)
    assert notify(event, None) == NOBODY_FAILED
    assert told(connected) == []


@replays("dynamodb_one_fails")
def test_an_end_that_cannot_be_told_holds_up_no_other(
    connected: System, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mirror(system: System, job: JobRecord) -> None:
        if job.id == JOB:
            raise Unavailable("the bucket does not answer")

    monkeypatch.setattr(announcing, "mirror", mirror)
    put_ended(connected)
    put_ended(connected, OTHER_JOB)
    assert notify(event, None) == failures(event, 0)
    assert (stored(connected).announce, told(connected)) == (True, [OTHER_JOB])


# --- SQS: webhooks --------------------------------------------------------------------------------


@pytest.fixture
def on_loopback(connected: System, monkeypatch: pytest.MonkeyPatch) -> System:
    """Webhooks may go to this machine."""
    monkeypatch.setenv("ATELIER_ALLOW_NETWORKS", "127.0.0.1/32")
    return connected


@replays("sqs_deliveries")
def test_webhooks_are_sent_signed(on_loopback: System, event: Event) -> None:
    with receiving() as receiver:
        for job_id in (JOB, OTHER_JOB):
            put_delivery(on_loopback, job_id, url=receiver.url())
        assert deliver(event, None) == NOBODY_FAILED
    assert {request.headers["webhook-id"] for request in receiver.requests} == {
        f"evt_{JOB}",
        f"evt_{OTHER_JOB}",
    }
    assert all(request.headers["webhook-signature"] for request in receiver.requests)
    assert delivery_of(on_loopback).state == "delivered"


@replays("sqs_delivery_out_of_date")
def test_a_message_of_another_round_calls_nobody(on_loopback: System, event: Event) -> None:
    with receiving() as receiver:
        put_delivery(on_loopback, url=receiver.url())
        assert deliver(event, None) == NOBODY_FAILED
    assert receiver.requests == []


@replays("sqs_deliveries_among_garbage")
def test_garbage_does_not_hold_up_a_webhook(on_loopback: System, event: Event) -> None:
    with receiving() as receiver:
        put_delivery(on_loopback, url=receiver.url())
        assert deliver(event, None) == failures(event, 0)
    assert delivery_of(on_loopback).state == "delivered"


# --- The schedule ---------------------------------------------------------------------------------


@replays("schedule_minute")
def test_each_minute_what_was_forgotten_is_made_good(connected: System, event: Event) -> None:
    past = datetime.now(UTC) - timedelta(hours=1)
    put_ended(connected, JOB, wake_at=past)
    put_job(connected, OTHER_JOB, wake_at=past)
    assert sweep(event, None)["failed"] == 0
    assert told(connected) == [JOB]
    assert connected.lane("standard", "interactive").depth() == 1


@replays("schedule_minute")
def test_each_minute_deadlines_are_kept(connected: System, event: Event) -> None:
    put_job(connected, start_by=datetime.now(UTC) - timedelta(seconds=1))
    sweep(event, None)
    assert stored(connected).status is Status.EXPIRED
