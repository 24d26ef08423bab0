"""Each function's role allows what the function calls, and nothing that it does not.

The events are replayed against moto, every call to AWS is written down, and the calls are held
against the policies of `template.yaml`. Moto itself would allow anything.
"""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import botocore
import pytest
from moto import mock_aws

from functions.api.handler import handler as api
from functions.authorize.handler import handler as authorize
from functions.deliver.handler import handler as deliver
from functions.ingest.handler import handler as ingest
from functions.notify.handler import handler as notify
from functions.scale.handler import handler as scale
from functions.sweep.handler import handler as sweep
from shared.aws import cloud
from shared.aws.clients import Clients
from shared.aws.table import DynamoTable
from shared.bootstrap import connect, disconnect
from shared.contract import Status
from shared.message import job_message
from shared.records import DropSource, UploadRecord
from shared.settings import Settings, environment
from shared.system import LANES, System
from shared.trim import MODEL, trim
from tests.cloudformation import Statement, queue_name, queues_of, resources, statements
from tests.conftest import OWN_MODELS
from tests.contract.conftest import CREDENTIALS
from tests.contract.resources import deploy
from tests.ecs import deploy_fleet, run_tasks
from tests.integration.working import by_hand
from tests.receiver import LOOPBACK, Reply, receiving
from tests.sam import ROOT
from tests.scenes import (
    JOB,
    TENANT,
    UPLOAD,
    put_awaiting,
    put_delivery,
    put_job,
    put_key,
    put_upload,
    read_event,
    stored,
)
from tests.services import Services

Need = tuple[str, str]
"""An action, and on what, in the words of `tests.cloudformation`."""

LAMBDAS_OWN = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "sqs:ReceiveMessage",
    "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibility",
    "sqs:GetQueueAttributes",
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
}
"""What Lambda does in a function's name before and after it runs."""


@dataclass
class Notebook:
    """Writes down what the role of a call would have to allow."""

    made: Settings
    needs: set[Need] = field(default_factory=set)
    called: set[Need] = field(default_factory=set)
    """Operations, by the SDK's own names, and of which service."""

    def write(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        service = str(model.service_model.service_name)
        self.called.add((service, str(model.name)))
        self.needs |= getattr(self, f"_{service}")(str(model.name), params)

    def _dynamodb(self, operation: str, params: Mapping[str, Any]) -> set[Need]:
        index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
        return {(f"dynamodb:{operation}", f"Table.Arn{index}")}

    def _s3(self, operation: str, params: Mapping[str, Any]) -> set[Need]:
        bucket = self._bucket(params["Bucket"])
        match operation:
            case "GetObject" | "HeadObject":
                return read(bucket, params["Key"])
            case "CopyObject":
                source = params["CopySource"]
                written = ("s3:PutObject", f"{bucket}/{params['Key']}")
                return {written} | read(self._bucket(source["Bucket"]), source["Key"])
            case "ListObjectsV2":
                return {("s3:ListBucket", bucket)}
        return {(f"s3:{operation}", f"{bucket}/{params['Key']}")}

    def _bucket(self, name: str) -> str:
        return "InboxBucket.Arn" if name == self.made.inbox_bucket else "ArtworksBucket.Arn"

    def _sqs(self, operation: str, params: Mapping[str, Any]) -> set[Need]:
        names = {url: name for name, url in self.made.queues.items()}
        permission = operation.removesuffix("Batch")  # there is none for batches
        return {(f"sqs:{permission}", QUEUES[names[params["QueueUrl"]]])}

    def _sns(self, operation: str, params: Mapping[str, Any]) -> set[Need]:
        return {(f"sns:{operation.removesuffix('Batch')}", "EventsTopic")}

    def _ecs(self, operation: str, params: Mapping[str, Any]) -> set[Need]:
        action = f"ecs:{operation}"
        services = {self.made.fleet_spot: "Spot", self.made.fleet_on_demand: "OnDemand"}
        match operation:
            case "DescribeServices" | "UpdateService":
                asked = params.get("services") or [params["service"]]
                return {(action, f"Fleet.Outputs.{services[one]}") for one in asked}
            case "ListTasks":
                return {(action, f"{TASKS}container-instance/Fleet.Outputs.Cluster/any")}
        tasks = (arn.rpartition("/")[2] for arn in params["tasks"])
        return {(action, f"{TASKS}task/Fleet.Outputs.Cluster/{one}") for one in tasks}

    def _secretsmanager(self, operation: str, params: Mapping[str, Any]) -> set[Need]:
        return {(f"secretsmanager:{operation}", "MasterSecret")}


TASKS = "arn:AWS::Partition:ecs:AWS::Region:AWS::AccountId:"
QUEUES = {queue_name(logical): f"{logical}.Arn" for logical in resources("AWS::SQS::Queue")}


def read(bucket: str, key: str) -> set[Need]:
    """Who may not list a bucket is told "forbidden" of a key that is not there."""
    return {("s3:GetObject", f"{bucket}/{key}"), ("s3:ListBucket", bucket)}


# --- What each function is put through ------------------------------------------------------------

PAST = datetime.now(UTC) - timedelta(days=2)
DROP = DropSource(batch="autumn show", name="a fox.jpg")
OTHER_DROP = DropSource(batch="autumn show", name="another.jpg")
DROP_KEY = f"drops/{TENANT}/autumn show/a fox.jpg"
OWN = "01k9q4w8e7r6t5y4z3x2v1b0m"


def made(system: System, **fields: Any) -> None:
    """A job that a worker has made; its end is yet to be told."""
    job = put_job(system, **fields)
    system.lane(job.pool, job.lane).send(job_message(job.id), job.tenant)
    by_hand(system).once()


def before_api(system: System) -> None:
    put_upload(system, starts=None)
    made(system, uploads=(UPLOAD,), drop=DROP)
    put_delivery(system)
    put_job(system, f"{OWN}0", lane="bulk", drop=OTHER_DROP, started_at=PAST)


def through_the_api(_: System) -> None:
    first = ("http_post_job", "http_post_upload", "http_health", "http_list_jobs")
    looks = ("http_list_batch", "http_get_artwork", "http_get_manifest")
    last = ("http_list_deliveries", "http_redeliver", "http_delete_job")
    for name in (*first, *looks, *last):
        assert api(read_event(name), None)["statusCode"] < 400, name


def before_look(system: System) -> None:
    put_job(system, lane="bulk", drop=DROP)


def through_look(system: System) -> None:
    """At a job that is queued, and at one that runs."""
    for _ in range(2):
        assert api(read_event("http_get_job"), None)["statusCode"] == 200
        system.table.put(stored(system).model_copy(update={"started_at": PAST}))


def before_authorize(system: System) -> None:
    put_key(system)


def through_authorize(_: System) -> None:
    assert authorize(read_event("authorizer_good_key"), None)["isAuthorized"]


def before_ingest(system: System) -> None:
    put_upload(system)
    put_awaiting(system)


def through_ingest(system: System) -> None:
    for name in ("s3_upload", "s3_drop_names"):
        assert ingest(read_event(name), None) == {"batchItemFailures": []}
    upload = system.table.get(UploadRecord, UPLOAD)
    assert upload
    system.table.delete(upload)
    assert ingest(read_event("s3_upload"), None) == {"batchItemFailures": []}
    assert system.inbox.head(upload.key) is None


def before_notify(system: System) -> None:
    """It was called before, and came no further than the delivery."""
    made(system, drop=DROP, webhook="https://example.com/")
    put_delivery(system, JOB, url="https://example.com/")


def through_notify(system: System) -> None:
    assert notify(read_event("dynamodb_ended_jobs"), None) == {"batchItemFailures": []}
    assert not stored(system).announce


def nothing(_: System) -> None:
    pass


def through_deliver(system: System) -> None:
    with receiving(Reply(500)) as receiver:
        put_delivery(system, JOB, url=receiver.url())
        assert deliver(read_event("sqs_deliveries"), None) == {"batchItemFailures": []}


def before_sweep(system: System) -> None:
    """A record of each kind that can be due."""
    made(system, drop=DROP, webhook="https://example.com/")
    told = stored(system).model_copy(update={"wake_at": PAST})
    system.table.put(told)
    put_job(system, f"{OWN}0", wake_at=PAST)
    put_job(system, f"{OWN}1", wake_at=PAST, lane="bulk")
    put_awaiting(system, f"{OWN}2", wake_at=PAST)
    put_upload(system, starts=f"{OWN}2")
    deleted = {"deleted": True, "drop": OTHER_DROP, "artworks": told.artworks}
    put_job(system, f"{OWN}3", wake_at=PAST, **deleted)
    put_upload(system, f"{OWN}4", jobs=(), starts=None, expires_at=PAST, due_at=PAST)
    put_delivery(system, next_try_at=PAST)
    system.artworks.put(f"{TENANT}/{OWN}3/late.png", b"0", "image/png")
    tidy = {"status": Status.CANCELED, "ended_at": PAST, "untidy": True}
    put_job(system, f"{OWN}5", wake_at=PAST, **tidy)
    system.artworks.put(f"{TENANT}/{OWN}5/orphan.png", b"0", "image/png")
    put_delivery(system, f"{OWN}3", next_try_at=PAST)
    for lane in LANES:
        system.queue(f"standard-{lane}-dead").send(job_message(f"{OWN}0"), TENANT)


def through_sweep(system: System) -> None:
    assert sweep(read_event("schedule_minute"), None)["failed"] == 0
    assert not stored(system).announce
    assert not stored(system, f"{OWN}5").untidy
    assert list(system.artworks.keys(f"{TENANT}/{OWN}5/")) == []
    assert stored(system, f"{OWN}0").troubled_since
    assert not system.queue("standard-interactive-dead").depth()


def before_scale(system: System) -> None:
    """Somebody has waited too long for an instance."""
    system.lane("standard", "bulk").send(job_message(JOB), TENANT)
    system.fleet().ask(1, 0)
    assert isinstance(system.table, DynamoTable)
    clients = system.table.clients
    run_tasks(clients, system.settings.fleet_spot, [("PROVISIONING", 2 * 3600)])


def through_scale(_: System) -> None:
    assert scale(read_event("schedule_minute"), None) == {"spot": 1, "on_demand": 1}


def before_work(system: System) -> None:
    """Two jobs whose pictures have gone, one that is looked at while it runs, and one that is to be
    canceled late."""
    put_upload(system)
    jobs = (
        put_job(system, f"{OWN}0", input={"image": {"upload": UPLOAD}}),
        put_job(system, f"{OWN}1", lane="bulk", drop=DROP, input={"image": {"drop": DROP_KEY}}),
        put_job(system, f"{OWN}2", lane="bulk", params={"seconds": 2.5, "steps": 5}),
        put_job(system, f"{OWN}3"),
    )
    for job in jobs:
        system.lane(job.pool, job.lane).send(job_message(job.id), job.tenant)


def through_work(system: System) -> None:
    services = Services(connect())

    def cancel(_: int, name: str, given: tuple[Any, ...]) -> None:
        """The last job, once its artwork is stored: that is removed again."""
        late = stored(system, f"{OWN}3")
        if name.startswith("artworks.put") and late.holder and not late.cancel_requested:
            system.table.put(late.model_copy(update={"cancel_requested": True}))

    services.after = cancel
    hand = by_hand(services.system)
    for _ in range(4):
        hand.once()
    assert stored(system, f"{OWN}2").status is Status.SUCCEEDED
    assert stored(system, f"{OWN}3").status is Status.CANCELED
    assert not list(system.artworks.keys(f"{TENANT}/{OWN}3/"))


@dataclass(frozen=True)
class Story:
    """What is there before, what is done, and for whom."""

    role: str
    before: Callable[[System], None]
    through: Callable[[System], None]


STORIES = (
    Story("ApiRole", before_api, through_the_api),
    Story("LookRole", before_look, through_look),
    Story("AuthorizeRole", before_authorize, through_authorize),
    Story("IngestRole", before_ingest, through_ingest),
    Story("NotifyRole", before_notify, through_notify),
    Story("DeliverRole", nothing, through_deliver),
    Story("SweepRole", before_sweep, through_sweep),
    Story("ScaleRole", before_scale, through_scale),
    Story("WorkerPolicy", before_work, through_work),
)
SIGNED: dict[str, set[Need]] = {
    "ApiRole": {
        ("s3:PutObject", "InboxBucket.Arn/uploads/tenant/id"),
        ("s3:GetObject", "ArtworksBucket.Arn/tenant/job/0-digest.png"),
    },
    "LookRole": {("s3:GetObject", "ArtworksBucket.Arn/tenant/job/0-digest.png")},
}
"""What is not called but signed, for somebody else to call."""


@pytest.fixture(scope="module", params=STORIES, ids=lambda story: story.role)
def story(request: pytest.FixtureRequest) -> Story:
    told: Story = request.param
    return told


@pytest.fixture(scope="module")
def notebook(story: Story, catalogue_file: Path) -> Notebook:
    """Everything that was called, and that the role would have been asked for."""
    more = {"catalogue": catalogue_file, "models": OWN_MODELS, "device": "cpu"}
    more |= {"default_model": "plain", "allow_networks": LOOPBACK}
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        chosen = stack(Clients()).model_copy(update=more)
        for name, value in environment(told(story, chosen)).items():
            patch.setenv(name, value)
        return replayed(story, by_the_sdk(cloud(chosen)))


@pytest.fixture(scope="module")
def needs(story: Story, notebook: Notebook) -> set[Need]:
    return SIGNED.get(story.role, set()) | notebook.needs


def told(story: Story, chosen: Settings) -> Settings:
    """The settings with the queues only that the template tells the function of."""
    function = story.role.replace("Role", "Function")
    if function not in resources("AWS::Serverless::Function"):
        return chosen
    queues = {name: chosen.queues[name] for name in queues_of(function)}
    return chosen.model_copy(update={"queues": queues})


def stack(clients: Clients) -> Settings:
    """The resources of the contract's tests, and every queue of the template."""
    made = deploy(clients, "atelier")
    missing = {queue_name(name) for name in resources("AWS::SQS::Queue")} - set(made.queues)
    urls = {
        name: clients.call("sqs", "create_queue", QueueName=name)["QueueUrl"] for name in missing
    }
    fleet = deploy_fleet(clients).model_dump(exclude_defaults=True)
    return made.model_copy(update={"queues": made.queues | urls, **fleet})


def replayed(story: Story, behind_the_scenes: System) -> Notebook:
    story.before(behind_the_scenes)
    disconnect()
    table, notebook = by_the_sdk(connect()).table, Notebook(behind_the_scenes.settings)
    assert isinstance(table, DynamoTable)
    table.clients.session().register("provide-client-params.*.*", notebook.write)
    story.through(behind_the_scenes)
    return notebook


def by_the_sdk(system: System) -> System:
    """Moto and the notebook see only the calls that the SDK makes."""
    assert isinstance(system.table, DynamoTable)
    system.table.clients.wire = None
    return system


def test_a_role_allows_what_is_called(story: Story, needs: set[Need]) -> None:
    refused = {need for need in needs if not any(allows(one, need) for one in policy(story.role))}
    assert refused == set()


def test_a_role_allows_nothing_that_is_not_called(story: Story, needs: set[Need]) -> None:
    unused = {
        (action, resource)
        for one in policy(story.role)
        for action in set(one.actions) - LAMBDAS_OWN
        for resource in one.resources
        if not any(fits((action, resource), need) for need in needs)
    }
    assert unused - SPARE == set()


def test_the_layer_keeps_what_is_called(notebook: Notebook, kept: set[Need]) -> None:
    assert notebook.called - kept == set()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> set[Need]:
    """The operations that are left of the SDK's in the layer."""
    data = tmp_path_factory.mktemp("botocore") / "data"
    shutil.copytree(Path(botocore.__file__).with_name("data"), data)
    trim(data, ROOT / "shared" / "aws")
    models = {path.parts[-3]: path for path in data.glob(f"*/*/{MODEL}")}
    return {
        (service, operation)
        for service, path in models.items()
        for operation in json.loads(path.read_text())["operations"]
    }


def policy(role: str) -> list[Statement]:
    return [one for one in statements(role) if "sts:AssumeRole" not in one.actions]


def allows(one: Statement, need: Need) -> bool:
    return any(fits((action, on), need) for action in one.actions for on in one.resources)


def fits(granted: Need, need: Need) -> bool:
    return granted[0] == need[0] and fnmatchcase(need[1], granted[1])


SPARE = {("sqs:SendMessage", "AnnouncementsDeadQueue.Arn")}
"""Lambda sends there what `notify` could not take."""
