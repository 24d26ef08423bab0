"""What is mended in the cloud: lost messages, dead letters, messages of other versions."""

import json
from datetime import timedelta

import pytest

from shared.message import MESSAGE_VERSION, job_message
from shared.ports import Queue
from tests.e2e.cloud.deployment import Deployment, taken
from tests.e2e.cloud.workers import worker
from tests.machine import wait_until

pytestmark = pytest.mark.slow

TENANT = "studio-c"
QUEUE = "standard-interactive"


def waiting(cloud: Deployment) -> Queue:
    """The queue that API jobs wait in; nobody works on it."""
    return cloud.system.queue(QUEUE)


def job_in(body: str) -> str:
    return str(json.loads(body)["job"])


def test_a_queued_job_is_canceled_and_its_message_does_nothing(cloud: Deployment) -> None:
    caller = cloud.caller(TENANT)
    job, other = caller.submit(), caller.submit()
    assert caller.call("POST", f"/v1/jobs/{job}/cancel", json={}).json()["status"] == "canceled"
    with worker(cloud):
        caller.until(other, "succeeded")
    assert caller.job(job)["attempts"] == 0
    assert list(taken(waiting(cloud))) == []


def test_a_lost_message_is_sent_again(cloud: Deployment) -> None:
    caller = cloud.caller(TENANT)
    job = caller.submit()
    assert [job_in(body) for body in taken(waiting(cloud))] == [job]
    cloud.sweep()
    assert list(taken(waiting(cloud))) == [], "nobody has waited for long"
    cloud.age(job)
    cloud.sweep()
    with worker(cloud):
        caller.until(job, "succeeded")


def test_a_lost_announcement_is_made_by_the_sweep(cloud: Deployment) -> None:
    caller = cloud.caller(TENANT)
    with cloud.stream.losing(), worker(cloud):
        job = caller.submit()
        caller.until(job, "succeeded")
        wait_until(lambda: job in cloud.stream.lost, 60)
        assert cloud.record(job).announce
        assert cloud.told(job) == []
        cloud.age(job)
        cloud.sweep()
    assert [one["type"] for one in cloud.told(job)] == ["job.succeeded"]
    assert not cloud.record(job).announce


def test_a_job_whose_message_died_fails_for_a_reason(cloud: Deployment) -> None:
    caller, dead = cloud.caller(TENANT), cloud.system.queue(f"{QUEUE}-dead")
    job = caller.submit()
    received = 0

    def buried() -> bool:
        nonlocal received
        received += len(waiting(cloud).receive(1, 0))
        return cloud.waiting(f"{QUEUE}-dead") == 1

    wait_until(buried, 60)
    assert received == 100, "as the template says"
    cloud.sweep()
    assert caller.job(job)["status"] == "queued"
    assert [job_in(body) for body in taken(waiting(cloud))] == [job], "it got a new message"
    record = cloud.record(job)
    assert record.troubled_since
    long_ago = record.troubled_since - timedelta(days=1)
    cloud.system.table.put(record.model_copy(update={"troubled_since": long_ago}))
    dead.send(job_message(job), TENANT)
    cloud.sweep()
    failed = caller.job(job)
    assert (failed["status"], failed["error"]["code"]) == ("failed", "dead_letter")
    assert list(taken(dead)) == []
    wait_until(lambda: [one["type"] for one in cloud.told(job)] == ["job.failed"], 60)


@pytest.mark.parametrize(
    "version",
    [{}, {"v": MESSAGE_VERSION}, {"v": MESSAGE_VERSION + 1, "hint": "from tomorrow"}],
    ids=["before", "now", "after"],
)
def test_messages_of_several_versions_run_side_by_side(
    cloud: Deployment, version: dict[str, object]
) -> None:
    """A deploy replaces functions and workers one by one: each reads what the other wrote."""
    caller = cloud.caller(TENANT)
    job = caller.submit()
    assert [job_in(body) for body in taken(waiting(cloud))] == [job]
    waiting(cloud).send(json.dumps({**version, "job": job}), TENANT)
    with worker(cloud):
        caller.until(job, "succeeded")


def test_what_fails_of_a_batch_comes_again_alone(cloud: Deployment) -> None:
    objects = cloud.system.queue("objects")
    for body in ("this is no event", '{"Event": "s3:TestEvent"}', "nor is this"):
        objects.send(body, TENANT)
    wait_until(lambda: cloud.log("IngestFunction").count("a message was not taken") == 2, 60)
    wait_until(lambda: cloud.waiting("objects") == 0, 60)
    assert cloud.attributes("objects")["ApproximateNumberOfMessagesNotVisible"] == "2"
    cloud.clients.call("sqs", "purge_queue", QueueUrl=cloud.system.settings.queues["objects"])
