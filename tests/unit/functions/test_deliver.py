"""A webhook is told with the same bytes until it listens, and holds nobody else up."""

import json
import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event as Gate
from threading import Thread
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from functions.announcing import announce, ended_event
from functions.deletion import delete_job
from functions.deliver import handler as deliver_handler
from functions.delivery import (
    BACKOFF,
    GIVE_UP_AFTER,
    JITTER,
    KEPT_TRIES,
    MAX_DELAY,
    RECEIVERS,
    deliver,
    dispatch,
    first_delivery,
    redeliver,
    resend_overdue,
    send,
    settle,
)
from functions.receivers import CROWDED_SECONDS, PER_HOST
from functions.sweep.due import sweep
from functions.webhook import retry_after
from local.deliveries import Deliveries
from shared.contract import Status
from shared.egress import Answer
from shared.embedded import clock
from shared.embedded.database import Database
from shared.errors import DeliveryNotFound
from shared.message import DeliveryMessage
from shared.records import DeliveryRecord, JobRecord, Try
from shared.signing import webhook_secret
from tests.receiver import Reply, receiving
from tests.unit.functions.stage import Stage


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage.at(tmp_path)
    monkeypatch.setattr(deliver_handler, "connect", lambda: stage.system)
    return stage


def announced(stage: Stage, url: str) -> JobRecord:
    """A job whose webhook waits for its first try."""
    return announce(stage.system, stage.succeeded(webhook=url))


def announced_quickly(stage: Stage, url: str) -> JobRecord:
    """A job without artworks, whose webhook waits for its first try."""
    ended = {"status": Status.CANCELED, "ended_at": stage.clock.now, "announce": True}
    return announce(stage.system, stage.put(webhook=url, **ended))


def event(*messages: dict[str, Any] | str) -> dict[str, Any]:
    """An SQS event with these messages."""
    bodies = [body if isinstance(body, str) else json.dumps(body) for body in messages]
    return {
        "Records": [
            {"messageId": f"m{n}", "receiptHandle": "h", "body": body, "eventSource": "aws:sqs"}
            for n, body in enumerate(bodies)
        ]
    }


def handled(*messages: dict[str, Any] | str) -> list[str]:
    answer = deliver_handler.handler(event(*messages), None)
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def due(job: JobRecord, round: int = 0) -> DeliveryMessage:
    return DeliveryMessage(job=job.id, n=0, round=round)


def test_the_receiver_can_verify_what_it_gets(stage: Stage) -> None:
    with receiving() as receiver:
        job = announced(stage, receiver.url("/hook"))
        assert handled(*stage.messages()) == []
    (request,) = receiver.requests
    secret = webhook_secret(stage.system.secret(), "ann")
    payload = Webhook(secret).verify(request.body, request.headers)
    assert payload["type"] == "job.succeeded"
    assert payload["data"]["id"] == job.id
    assert request.headers["webhook-id"] == f"evt_{job.id}"
    assert request.headers["content-type"] == "application/json"
    assert request.body.decode() == stage.delivery(job.id).body


def test_another_tenants_secret_does_not_fit(stage: Stage) -> None:
    with receiving() as receiver:
        announced(stage, receiver.url())
        handled(*stage.messages())
    (request,) = receiver.requests
    with pytest.raises(WebhookVerificationError):
        Webhook(webhook_secret(stage.system.secret(), "bob")).verify(request.body, request.headers)


def test_a_delivery_is_written_down_and_not_repeated(stage: Stage) -> None:
    with receiving(Reply(204)) as receiver:
        job = announced(stage, receiver.url())
        (message,) = stage.messages()
        assert handled(message, message) == []
        assert handled(message) == []
    assert 1 <= len(receiver.requests) <= 2  # side by side in one batch: at least once
    delivery = stage.delivery(job.id)
    assert (delivery.state, delivery.next_try_at, delivery.round) == ("delivered", None, 1)
    assert delivery.tries == (Try(at=stage.clock.now, status=204),)
    assert stage.messages() == []


def test_a_failure_is_tried_again_with_the_same_bytes_and_a_fresh_signature(stage: Stage) -> None:
    with receiving(Reply(500), Reply(503), Reply(200)) as receiver:
        job = announced(stage, receiver.url())
        for round_ in range(3):
            deliver(stage.system, due(job, round_))
            stage.clock.pass_by(seconds=40)
    assert len({request.body for request in receiver.requests}) == 1
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1
    assert len({request.headers["webhook-timestamp"] for request in receiver.requests}) == 3
    assert len({request.headers["webhook-signature"] for request in receiver.requests}) == 3
    tries = stage.delivery(job.id).tries
    assert [(one.status, one.error) for one in tries] == [
        (500, "http_500"),
        (503, "http_503"),
        (200, None),
    ]


def test_the_backoff_goes_over_hours_and_ends(stage: Stage) -> None:
    with receiving(Reply(500)) as receiver:
        job = announced(stage, receiver.url())
        waits: list[timedelta] = []
        for round_ in range(len(BACKOFF)):
            deliver(stage.system, due(job, round_))
            planned = stage.delivery(job.id).next_try_at
            assert planned is not None
            waits.append(planned - stage.clock.now)
            stage.clock.now = planned
        deliver(stage.system, due(job, len(BACKOFF)))
    for wait, base in zip(waits, BACKOFF, strict=True):
        assert base * (1 - JITTER) <= wait <= base * (1 + JITTER)
    assert waits != list(BACKOFF)
    delivery = stage.delivery(job.id)
    assert (delivery.state, delivery.next_try_at) == ("given_up", None)
    assert len(delivery.tries) == len(BACKOFF) + 1
    assert sum(BACKOFF, timedelta()) > timedelta(hours=23)


def test_a_short_wait_is_a_delayed_message_and_a_long_one_is_left_to_sweep(stage: Stage) -> None:
    with receiving(Reply(500)) as receiver:
        job = announced(stage, receiver.url())
        stage.messages()
        deliver(stage.system, due(job))
        assert stage.messages() == []  # sent, but not visible yet
        (delay,) = _delays(stage)
        assert 3 < delay <= 6
        send(stage.system, stage.delivery(job.id), MAX_DELAY + timedelta(seconds=1))
        assert len(_delays(stage)) == 1
    assert len(receiver.requests) == 1


def _delays(stage: Stage) -> list[float]:
    """How long the messages that wait are still invisible."""
    assert stage.system.settings.data is not None
    database = Database(stage.system.settings.data)
    rows = database.rows("SELECT visible_at FROM letters WHERE queue = 'deliveries'")
    return [row["visible_at"] - clock.now() for row in rows]


def test_gone_means_never_again(stage: Stage) -> None:
    with receiving(Reply(410)) as receiver:
        job = announced(stage, receiver.url())
        handled(*stage.messages())
    delivery = stage.delivery(job.id)
    assert (delivery.state, delivery.next_try_at) == ("given_up", None)
    assert [one.status for one in delivery.tries] == [410]


def test_a_redirect_is_a_failure_and_is_not_followed(stage: Stage) -> None:
    with receiving(Reply(302, headers={"Location": "/elsewhere"})) as receiver:
        job = announced(stage, receiver.url("/hook"))
        handled(*stage.messages())
    assert [request.path for request in receiver.requests] == ["/hook"]
    assert stage.delivery(job.id).state == "pending"
    assert stage.delivery(job.id).tries[0].error == "redirected"


@pytest.mark.parametrize(
    "url", ["https://127.0.0.2/hook", "http://169.254.169.254/", "https://10.0.0.1:8443/"]
)
def test_an_address_that_is_not_public_is_given_up_with_a_reason(stage: Stage, url: str) -> None:
    job = announced(stage, url)
    handled(*stage.messages())
    delivery = stage.delivery(job.id)
    assert delivery.state == "given_up"
    assert [one.error for one in delivery.tries] == ["url_refused"]


def test_nobody_listens_is_tried_again(stage: Stage) -> None:
    with receiving() as receiver:
        pass
    job = announced(stage, receiver.url())
    handled(*stage.messages())
    delivery = stage.delivery(job.id)
    assert (delivery.state, delivery.round) == ("pending", 1)
    assert delivery.tries[0].error == "url_unreachable"


def test_a_slow_receiver_holds_nobody_up(stage: Stage) -> None:
    gate = Gate()
    with receiving(before=lambda: gate.wait(5)) as slow, receiving(before=gate.set) as quick:
        jobs = [announced(stage, receiver.url()) for receiver in (slow, slow, quick)]
        begun = time.monotonic()
        assert handled(*stage.messages()) == []
        took = time.monotonic() - begun
    assert took < 4  # one after another, the slow ones would have waited for the quick one
    assert [stage.delivery(job.id).state for job in jobs] == ["delivered"] * 3


def test_a_receiver_that_never_answers_is_left_in_time(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.webhook.TIMEOUT_SECONDS", 0.3)
    gate = Gate()
    with receiving(before=lambda: gate.wait(3)) as receiver:
        job = announced(stage, receiver.url())
        handled(*stage.messages())
        gate.set()
    assert stage.delivery(job.id).tries[0].error == "url_timeout"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_receiver_that_asks_for_time_gets_it(stage: Stage, status: int) -> None:
    with receiving(Reply(status, headers={"Retry-After": "1800"})) as receiver:
        job = announced(stage, receiver.url())
        handled(*stage.messages())
    delivery = stage.delivery(job.id)
    assert (delivery.state, delivery.round) == ("pending", 1)
    assert delivery.next_try_at == stage.clock.now + timedelta(minutes=30)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("86400", 3600),
        ("9" * 400, 3600),
        ("-5", 0),
        ("", 0),
        ("soon", 0),
        ("１２", 0),
        ("Wed, 01 Jan 2025 00:02:00 GMT", 120),
        ("Wed, 01 Jan 2025 00:02:00 -0000", 120),
        ("Tue, 31 Dec 2024 00:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
    ],
)
def test_how_much_time_is_asked_for(text: str, seconds: int) -> None:
    now = datetime(2025, 1, 1, tzinfo=UTC)
    assert retry_after(Answer(503, text), now) == timedelta(seconds=seconds)
    assert retry_after(Answer(500, text), now) == timedelta()


def test_a_short_wait_that_is_asked_for_does_not_shorten_ours(stage: Stage) -> None:
    with receiving(Reply(503, headers={"Retry-After": "0"})) as receiver:
        job = announced(stage, receiver.url())
        handled(*stage.messages())
    planned = stage.delivery(job.id).next_try_at
    assert planned
    assert planned >= stage.clock.now + BACKOFF[0] * (1 - JITTER)


def test_a_crowded_receiver_has_the_rest_put_back_without_a_try(stage: Stage) -> None:
    gate = Gate()
    with receiving(before=lambda: gate.wait(30)) as hanging, receiving() as healthy:
        jobs = [announced(stage, hanging.url()) for _ in range(3 * PER_HOST)]
        others = [announced(stage, healthy.url()) for _ in range(5)]
        messages = stage.messages()
        handling = Thread(target=handled, args=messages)
        handling.start()
        wait_for(lambda: len(healthy.requests) == 5)
        wait_for(lambda: len(_delays(stage)) == 2 * PER_HOST)
        held = [stage.delivery(job.id) for job in jobs]
        assert [one.round for one in held] == [0] * len(held)
        assert all(0 < delay <= 2 * CROWDED_SECONDS for delay in _delays(stage))
        gate.set()
        handling.join()
        assert len(hanging.requests) == PER_HOST
        assert {stage.delivery(job.id).state for job in others} == {"delivered"}
        for message in messages:  # those that were put back carry another moment: these are old
            deliver(stage.system, DeliveryMessage.model_validate(message))
        assert len(hanging.requests) == PER_HOST


@pytest.mark.slow
def test_three_hundred_that_hang_do_not_hold_up_twenty(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through the pump itself: its threads, its queue, its handler."""
    monkeypatch.setattr("local.deliveries.WAIT_SECONDS", 0.1)
    gate = Gate()
    with receiving(before=lambda: gate.wait(120)) as hanging, receiving() as healthy:
        for _ in range(300):
            announced_quickly(stage, hanging.url())
        for _ in range(20):
            announced_quickly(stage, healthy.url())
        pump = Deliveries(stage.system, deliver_handler.handler)
        over = Gate()
        turning = Thread(target=lambda: [pump.turn() for _ in iter(over.is_set, True)])
        turning.start()
        wait_for(lambda: len(healthy.requests) == 20)
        assert len(hanging.requests) <= PER_HOST
        over.set()
        gate.set()
        turning.join()
    assert len({one.headers["webhook-id"] for one in healthy.requests}) == 20


def wait_for(done: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 100
    while not done():
        assert time.monotonic() < give_up, "it did not come to that"
        time.sleep(0.02)


def test_a_delivery_that_is_held_back_for_days_is_given_up(stage: Stage) -> None:
    with receiving() as receiver:
        job = announced(stage, receiver.url())
        host = receiver.url().split("/")[2]
        with ExitStack() as calls:
            for _ in range(PER_HOST):
                calls.enter_context(RECEIVERS.call("bob", host))
            deliver(stage.system, DeliveryMessage(job=job.id, n=0))
            assert stage.delivery(job.id).tries == ()
            stage.clock.now += GIVE_UP_AFTER + timedelta(seconds=1)
            deliver(stage.system, DeliveryMessage(job=job.id, n=0))
        delivery = stage.delivery(job.id)
        assert (delivery.state, delivery.next_try_at) == ("given_up", None)
        assert [one.error for one in delivery.tries] == ["receiver_failing"]
        redeliver(stage.system, job, 0)
        handled(*[body for body in stage.messages() if body["round"] == 0])
    assert stage.delivery(job.id).state == "delivered"


def test_the_webhook_of_a_job_that_was_deleted_while_it_was_announced_is_not_sent(
    stage: Stage,
) -> None:
    with receiving() as receiver:
        job = stage.succeeded(webhook=receiver.url())
        delete_job(stage.system, job)
        event = ended_event(stage.system.settings, job)
        dispatch(stage.system, first_delivery(stage.system, job, f"evt_{job.id}", event))
        assert handled(*stage.messages()) == []
        assert receiver.requests == []
        stage.clock.pass_by(minutes=2)
        sweep(stage.system)
    assert stage.system.table.partition(DeliveryRecord, job.id) == []


def test_a_message_for_another_moment_does_nothing(stage: Stage) -> None:
    with receiving() as receiver:
        job = announced(stage, receiver.url())
        (early,) = stage.messages()
        resend_overdue(stage.system, stage.delivery(job.id), stage.clock.now)
        assert handled(early) == []
        assert receiver.requests == []
        assert handled(*stage.messages()) == []
    assert len(receiver.requests) == 1


def test_a_message_of_another_round_does_nothing(stage: Stage) -> None:
    with receiving(Reply(500)) as receiver:
        job = announced(stage, receiver.url())
        deliver(stage.system, due(job, 0))
        deliver(stage.system, due(job, 0))
        deliver(stage.system, due(job, 2))
        assert len(receiver.requests) == 1
        deliver(stage.system, DeliveryMessage(job=job.id, n=0))
    assert len(receiver.requests) == 2  # one without a round means the present one


def test_what_has_been_deleted_is_not_sent(stage: Stage) -> None:
    with receiving() as receiver:
        job = announced(stage, receiver.url())
        stage.system.table.delete(stage.delivery(job.id))
        assert handled(*stage.messages()) == []
    assert receiver.requests == []


def test_a_try_that_a_sweep_overtook_is_still_written_down(stage: Stage) -> None:
    with receiving() as receiver:
        job = announced(stage, receiver.url())

        def overtake() -> None:
            later = {"next_try_at": stage.clock.now + timedelta(minutes=15)}
            stage.system.table.put(stage.delivery(job.id).model_copy(update=later))

        receiver.before = overtake
        handled(*stage.messages())
    assert stage.delivery(job.id).state == "delivered"
    assert len(receiver.requests) == 1


def test_of_two_tries_of_one_round_one_is_written_down_and_one_goes_on(stage: Stage) -> None:
    with receiving(Reply(500)) as receiver:
        job = announced(stage, receiver.url())

        def meanwhile() -> None:
            receiver.before = None
            deliver(stage.system, due(job))

        receiver.before = meanwhile
        stage.messages()
        deliver(stage.system, due(job))
    assert len(receiver.requests) == 2
    assert len(stage.delivery(job.id).tries) == 1
    assert len(_delays(stage)) == 1


def test_redelivery_begins_again_with_the_same_bytes(stage: Stage) -> None:
    with receiving(Reply(410), Reply(500), Reply(200)) as receiver:
        job = announced(stage, receiver.url())
        handled(*stage.messages())
        assert stage.delivery(job.id).state == "given_up"
        pending = redeliver(stage.system, job, 0)
        assert (pending.state, pending.round, len(pending.tries)) == ("pending", 0, 1)
        assert pending.next_try_at == stage.clock.now
        handled(*stage.messages())
        assert stage.delivery(job.id).round == 1
        redeliver(stage.system, job, 0)
        handled(*stage.messages())
    assert stage.delivery(job.id).state == "delivered"
    assert len({request.body for request in receiver.requests}) == 1
    ours, anothers = (webhook_secret(stage.system.secret(), name) for name in ("ann", "bob"))
    for request in receiver.requests:
        assert Webhook(ours).verify(request.body, request.headers)["type"] == "job.succeeded"
        with pytest.raises(WebhookVerificationError):
            Webhook(anothers).verify(request.body, request.headers)
    assert [one.status for one in stage.delivery(job.id).tries] == [410, 500, 200]


def test_there_is_nothing_to_redeliver(stage: Stage) -> None:
    with pytest.raises(DeliveryNotFound):
        redeliver(stage.system, stage.succeeded(), 0)


def test_the_log_of_tries_stays_short() -> None:
    delivery = DeliveryRecord(
        job="1", tenant="ann", n=0, event_id="e", event_type="t", url="u", body="b"
    )
    tried = Try(at=datetime.now(UTC), error="url_timeout")
    for _ in range(KEPT_TRIES + 5):
        delivery = settle(delivery.model_copy(update={"round": 0}), tried)
    assert len(delivery.tries) == KEPT_TRIES


def test_a_message_that_cannot_be_read_fails_alone(stage: Stage) -> None:
    with receiving() as receiver:
        announced(stage, receiver.url())
        (message,) = stage.messages()
        assert handled("not json", message, {"v": 1}) == ["m0", "m2"]
    assert len(receiver.requests) == 1


def test_the_log_holds_neither_body_nor_signature_nor_query(
    stage: Stage, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with receiving(Reply(500)) as receiver:
        job = announced(stage, receiver.url("/private?token=hidden"))
        handled(*stage.messages())
    (request,) = receiver.requests
    captured = capsys.readouterr()
    text = caplog.text + captured.out + captured.err
    text += "".join(str(vars(record)) for record in caplog.records)
    assert job.id in text
    for hidden in (
        "hidden",
        "private",
        request.headers["webhook-signature"],
        job.artworks[0].sha256,
    ):
        assert hidden not in text
