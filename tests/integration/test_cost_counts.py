"""What `local/usage.json` says that a job uses is what a job uses: one is put through everything,
against moto, and each call is counted."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from functions.api.handler import handler as api
from functions.authorize.handler import handler as authorize
from functions.ingest.handler import handler as ingest
from functions.notify.handler import handler as notify
from local.bill import known
from shared.aws import cloud
from shared.aws.clients import Clients
from shared.aws.table import DynamoTable
from shared.bootstrap import connect, disconnect
from shared.contract import Status
from shared.settings import environment
from tests.conftest import OWN_MODELS
from tests.contract.conftest import CREDENTIALS
from tests.contract.resources import deploy
from tests.integration.working import by_hand
from tests.machine import PHOTO
from tests.scenes import TENANT, Event, put_key, read_event, stored

USAGE, _ = known()
OFF = Decimal("0.35")
"""Real jobs have longer items than this one."""


@dataclass
class Meter:
    """What is paid for by the call, in the units of `local/prices.json`. What a worker does again
    and again while it works depends on how long that takes, and is left out."""

    used: Counter[str] = field(default_factory=Counter)
    looks: set[str] = field(default_factory=set)

    def note(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        service, operation = model.service_model.service_name, model.name
        match service, operation:
            case "dynamodb", "PutItem":
                self.used["dynamodb_write"] += written(params["Item"])
            case "dynamodb", "GetItem":
                self.used["dynamodb_read"] += 1
            case "dynamodb", "BatchGetItem":
                asked = params["RequestItems"].values()
                self.looks |= {str(key) for one in asked for key in one["Keys"]}
            case "sqs", "ChangeMessageVisibilityBatch":
                pass
            case "sqs", _:
                self.used["sqs_request"] += 1
            case "sns", "PublishBatch":
                self.used["sns_publish"] += len(params["PublishBatchRequestEntries"])
            case "s3", _:
                self.used["s3_put" if operation == "PutObject" else "s3_get"] += 1


def written(item: Mapping[str, Any]) -> int:
    """Units: the item's kilobytes, again in each index that copies it, and one for its due date.
    A pulse shows how far a job has come."""
    if item["sk"] == {"S": "pulse"}:
        return 0
    size = sum(
        len(name) + len(json.dumps(value)) - len('{"S": ""}') for name, value in item.items()
    )
    return -(-size // 1024) * (1 + ("owner" in item) + ("batch" in item)) + ("due_shard" in item)


@pytest.fixture(scope="module")
def used(catalogue_file: Path) -> Iterator[Counter[str]]:
    """By one job: an upload that starts it, its work, its announcement, a look, and a link."""
    more = {"catalogue": catalogue_file, "models": OWN_MODELS, "device": "cpu"}
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        chosen = deploy(Clients(), "atelier").model_copy(update=more)
        for name, value in environment(chosen).items():
            patch.setenv(name, value)
        disconnect()
        put_key(cloud(chosen))
        yield one_job()
        disconnect()


def one_job() -> Counter[str]:
    system, meter = connect(), Meter()
    assert isinstance(system.table, DynamoTable)
    system.table.clients.wire = None  # moto sees only what the SDK sends
    hand = by_hand(system)
    system.table.clients.session().register("provide-client-params.*.*", meter.note)
    assert authorize(read_event("authorizer_good_key"), None)["isAuthorized"]
    ticket = json.loads(api(read_event("http_post_upload_with_job"), None)["body"])
    key, job = f"uploads/{TENANT}/{ticket['id']}", ticket["job_id"]
    system.inbox.put(key, PHOTO, "image/jpeg")
    assert ingest(arrived(key), None) == {"batchItemFailures": []}
    assert hand.once()
    assert notify(ended(job), None) == {"batchItemFailures": []}
    for path in (f"/v1/jobs/{job}", f"/v1/artworks/{job}-0"):
        assert api(get(path), None)["statusCode"] < 400
    assert stored(system, job).status is Status.SUCCEEDED
    return meter.used + Counter(dynamodb_read=len(meter.looks))


def arrived(key: str) -> Event:
    event = read_event("s3_upload")
    body = json.loads(event["Records"][0]["body"])
    body["Records"][0]["s3"]["object"]["key"] = key
    event["Records"][0]["body"] = json.dumps(body)
    return event


def ended(job: str) -> Event:
    event = read_event("dynamodb_ended_jobs")
    (record, *_) = event["Records"]
    for part in ("Keys", "NewImage"):
        record["dynamodb"][part]["pk"] = {"S": job}
    return {"Records": [record]}


def get(path: str) -> Event:
    event = read_event("http_get_artwork")
    event["rawPath"] = event["requestContext"]["http"]["path"] = path
    return event


@pytest.mark.slow
@pytest.mark.parametrize(
    "price",
    ["dynamodb_write", "dynamodb_read", "sqs_request", "sns_publish", "s3_put", "s3_get"],
)
def test_what_was_counted_is_what_is_used(price: str, used: Counter[str]) -> None:
    counted = sum(
        use.quantity
        for use in USAGE.job
        if use.price == price and use.because.startswith("counted")
    )
    assert abs(counted - used[price]) <= OFF * counted, f"{price}: {used[price]}, not {counted}"
