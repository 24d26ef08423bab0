"""`template.yaml` agrees with the code that runs on it, and is no more open than it must be."""

import inspect
import json
import re
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from functions.dead_letters import dead
from shared.aws.table import _item
from shared.contract import MAX_WAIT_SECONDS, Status
from shared.records import JobRecord, PulseRecord, Record
from shared.settings import PREFIX, Settings
from shared.system import DELIVERIES, LANES, OBJECTS
from shared.trim import SERVICES
from tests.cloudformation import (
    environment_of,
    queue_name,
    queues_of,
    resources,
    statements,
    template,
)
from tests.contract.resources import create_table

ROOT = Path(__file__).parents[2]
FUNCTIONS = tuple(resources("AWS::Serverless::Function"))
BUCKETS = tuple(resources("AWS::S3::Bucket"))
WORK = {OBJECTS, DELIVERIES, *(f"standard-{lane}" for lane in LANES)}
DEAD = {dead(name) for name in WORK}
LOOKED_AT = {
    "ApiFunction": {"BulkQueue.Arn"},
    "LookFunction": {"InteractiveQueue.Arn", "BulkQueue.Arn"},
    "ScaleFunction": {"InteractiveQueue.Arn", "BulkQueue.Arn"},
}
"""Queues in which a job may stand that is shown, and those that are counted."""
TWO_WEEKS = 14 * 24 * 3600
NOTHING = {"Ref": "AWS::NoValue"}


# --- It agrees with the code ----------------------------------------------------------------------


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_handler_is_where_the_template_says(function: str) -> None:
    module, _, name = resources("AWS::Serverless::Function")[function]["Handler"].rpartition(".")
    event_and_context = inspect.signature(getattr(import_module(module), name)).parameters
    assert len(event_and_context) == 2


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_told_settings_that_exist(function: str) -> None:
    known = {PREFIX + field.upper() for field in Settings.model_fields}
    assert set(environment_of(function)) <= known


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_knows_the_queues_by_the_names_of_the_code(function: str) -> None:
    for name, logical_id in queues_of(function).items():
        assert (name in WORK | DEAD, queue_name(logical_id)) == (True, name)


def test_sweep_sees_the_dead_letters_of_every_job_queue() -> None:
    assert set(queues_of("SweepFunction")) & DEAD == {dead(f"standard-{lane}") for lane in LANES}


def test_the_redrive_command_is_told_the_queues_that_nobody_else_examines() -> None:
    told = template()["Outputs"]["DeadLetterQueues"]["Value"]["Fn::Sub"]
    names = {name: queue_name(url.strip("${}")) for name, url in json.loads(told).items()}
    assert names == {name: name for one in (OBJECTS, DELIVERIES) for name in (one, dead(one))}


def test_every_queue_of_the_code_is_there_with_its_dead_letters() -> None:
    names = {queue_name(logical_id) for logical_id in resources("AWS::SQS::Queue")}
    assert names == WORK | DEAD | {"announcements-dead"}


def test_the_table_is_the_one_that_the_port_contract_was_tested_on() -> None:
    class Recorder:
        """Takes what would be asked of DynamoDB."""

        asked: dict[str, Any] = {}  # noqa: RUF012

        def call(self, service: str, operation: str, **request: Any) -> None:
            self.asked |= request

    create_table(Recorder(), "table")  # type: ignore[arg-type]
    asked, table = Recorder.asked, resources("AWS::DynamoDB::Table")["Table"]
    assert table["KeySchema"] == asked["KeySchema"]
    assert _sorted(table["AttributeDefinitions"]) == _sorted(asked["AttributeDefinitions"])
    assert _sorted(table["GlobalSecondaryIndexes"]) == _sorted(asked["GlobalSecondaryIndexes"])
    assert (
        table["StreamSpecification"]["StreamViewType"]
        == (asked["StreamSpecification"]["StreamViewType"])
    )
    assert table["TimeToLiveSpecification"] == asked["TimeToLiveSpecification"]


def _sorted(entries: list[dict[str, Any]]) -> list[str]:
    return sorted(json.dumps(entry, sort_keys=True) for entry in entries)


def job(**fields: Any) -> JobRecord:
    usual = {"id": "j", "tenant": "t", "status": Status.SUCCEEDED, "model": "m", "seed": 0}
    rest = {"model_version": "1", "pool": "standard", "lane": "bulk", "input": {}, "params": {}}
    times = {"created_at": datetime.now(UTC), "ended_at": datetime.now(UTC)}
    return JobRecord(**usual | rest | times | {"count": 1} | fields)


@pytest.mark.parametrize(
    ("record", "passes"),
    [
        pytest.param(job(announce=True), True, id="a job that has ended"),
        pytest.param(job(), False, id="one that has been announced"),
        pytest.param(PulseRecord(job="j", attempt=1), False, id="a pulse"),
    ],
)
def test_the_stream_wakes_notify_for_ends_only(record: Record, passes: bool) -> None:
    events = resources("AWS::Serverless::Function")["NotifyFunction"]["Events"]
    criteria = events["Ends"]["Properties"]["FilterCriteria"]["Filters"][0]["Pattern"]
    wanted = json.loads(criteria)["dynamodb"]["NewImage"]
    assert _matches(wanted, _item(record, "token")) is passes


def _matches(pattern: dict[str, Any], image: Any) -> bool:
    """Lambda's filter, as far as ours goes: every leaf is a list of the values that are good."""
    return all(
        name in image
        and (image[name] in rule if isinstance(rule, list) else _matches(rule, image[name]))
        for name, rule in pattern.items()
    )


def test_the_layer_has_the_versions_that_the_tests_run_with() -> None:
    lines = (ROOT / "shared" / "requirements.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    assert pins == {name: version(name) for name in pins}


def test_the_layer_keeps_every_service_that_the_code_calls() -> None:
    source = "".join(path.read_text() for path in (ROOT / "shared" / "aws").glob("*.py"))
    assert set(re.findall(r'\.call\(\s*"(\w+)"', source)) == SERVICES


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_makes_clients_of_what_it_may_call(function: str) -> None:
    """Those that every invocation calls, when it starts; they are named for nothing else."""
    made = set(filter(None, environment_of(function).get("ATELIER_CLIENTS", "").split(",")))
    role = statements(function.replace("Function", "Role"))
    may = {action.partition(":")[0] for one in role for action in one.actions}
    assert made <= may
    assert ("dynamodb" in made) == ("dynamodb" in may)


# --- It is no more open than it must be -----------------------------------------------------------


def test_nothing_is_allowed_on_everything() -> None:
    allowed = [one for one in statements() if one.effect == "Allow"]
    assert allowed
    for one in allowed:
        assert not {resource for resource in one.resources if resource == "*"}, one
        assert not {action for action in one.actions if "*" in action}, one


def test_no_role_takes_a_policy_from_elsewhere() -> None:
    roles = resources("AWS::IAM::Role").values()
    assert not [role for role in roles if "ManagedPolicyArns" in role]
    functions = resources("AWS::Serverless::Function")
    assert {name: one["Role"]["Fn::GetAtt"][0] for name, one in functions.items()} == {
        name: name.replace("Function", "Role") for name in functions
    }


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_send_where_it_is_told_to(function: str) -> None:
    role = list(statements(function.replace("Function", "Role")))
    may = {to for one in role if "sqs:SendMessage" in one.actions for to in one.resources}
    told = {f"{logical_id}.Arn" for name, logical_id in queues_of(function).items() if name in WORK}
    assert told - LOOKED_AT.get(function, set()) == may - {"AnnouncementsDeadQueue.Arn"}


def test_only_the_page_health_and_the_description_are_public() -> None:
    paths = resources("AWS::Serverless::HttpApi")["HttpApi"]["DefinitionBody"]["paths"]
    public = {
        (path, method)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if not operation.get("security")
    }
    assert public == {
        ("/", "x-amazon-apigateway-any-method"),
        ("/studio/{file}", "get"),
        ("/health", "get"),
        ("/v1/openapi.json", "get"),
    }


def test_the_gateway_finds_nothing_to_warn_of_in_the_description() -> None:
    """It reads it with swagger-parser, whose every complaint is a warning, and fails on those."""
    paths = resources("AWS::Serverless::HttpApi")["HttpApi"]["DefinitionBody"]["paths"]
    for path, methods in paths.items():
        for method, operation in methods.items():
            if method.startswith("x-"):
                continue
            assert "responses" in operation, (method, path)
            declared = {
                one["name"] for one in operation.get("parameters", []) if one["in"] == "path"
            }
            assert declared == set(re.findall(r"{([\w+]+)}", path)), (method, path)


def test_who_waits_for_a_job_takes_nothing_from_who_submits_one() -> None:
    """A look at a job, which `?wait=` holds, has a function and executions of its own."""
    paths = resources("AWS::Serverless::HttpApi")["HttpApi"]["DefinitionBody"]["paths"]
    led = {
        (method, path): operation["x-amazon-apigateway-integration"]["$ref"].rpartition("/")[2]
        for path, methods in paths.items()
        for method, operation in methods.items()
    }
    assert {place for place, to in led.items() if to == "look"} == {("get", "/v1/jobs/{id}")}
    look = resources("AWS::Serverless::Function")["LookFunction"]
    assert look["ReservedConcurrentExecutions"]["Fn::If"][1] == {"Ref": "LookConcurrency"}
    assert look["Timeout"] > MAX_WAIT_SECONDS


def test_a_look_only_reads() -> None:
    allowed = {action for one in statements("LookRole") for action in one.actions}
    assert allowed - {"sts:AssumeRole"} == {
        *("logs:CreateLogStream", "logs:PutLogEvents"),
        *("dynamodb:GetItem", "s3:GetObject"),
    }


@pytest.mark.parametrize("bucket", BUCKETS)
def test_a_bucket_is_private_encrypted_and_reached_by_tls_only(bucket: str) -> None:
    properties = resources("AWS::S3::Bucket")[bucket]
    assert all(properties["PublicAccessBlockConfiguration"].values())
    assert properties["BucketEncryption"]
    (policy,) = (one for one in statements(f"{bucket}Policy"))
    assert policy.effect == "Deny"
    assert policy.resources == (f"{bucket}.Arn", f"{bucket}.Arn/*")


def test_what_is_made_triggers_nothing() -> None:
    buckets = resources("AWS::S3::Bucket")
    assert "NotificationConfiguration" not in buckets["ArtworksBucket"]


# --- It loses nothing, and says when something is wrong -------------------------------------------


def test_a_queue_keeps_letters_for_two_weeks_encrypted() -> None:
    for properties in resources("AWS::SQS::Queue").values():
        assert properties["MessageRetentionPeriod"] == TWO_WEEKS
        key = {"Fn::GetAtt": ["Key", "Arn"]}
        assert properties["KmsMasterKeyId"] == {"Fn::If": ["UseKey", key, NOTHING]}
        assert properties["SqsManagedSseEnabled"] == {"Fn::If": ["UseKey", NOTHING, True]}


@pytest.mark.parametrize(("function", "queue"), [("Ingest", "Objects"), ("Deliver", "Deliveries")])
def test_a_letter_stays_hidden_for_six_times_its_functions_timeout(
    function: str, queue: str
) -> None:
    default = template()["Globals"]["Function"]["Timeout"]
    properties = resources("AWS::Serverless::Function")[f"{function}Function"]
    visibility = resources("AWS::SQS::Queue")[f"{queue}Queue"]["VisibilityTimeout"]
    assert visibility >= 6 * properties.get("Timeout", default)


@pytest.mark.parametrize("queue", ["Objects", "Deliveries"])
def test_an_outage_of_hours_makes_no_dead_letters(queue: str) -> None:
    properties = resources("AWS::SQS::Queue")[f"{queue}Queue"]
    receives = properties["RedrivePolicy"]["maxReceiveCount"]
    assert receives * properties["VisibilityTimeout"] >= 8 * 3600
    assert receives <= 1000  # what SQS takes


@pytest.mark.parametrize("resource", ["Table", *BUCKETS, "MasterSecret", "Key"])
def test_what_cannot_be_made_again_outlives_the_stack(resource: str) -> None:
    """But not a stack that never stood: its buckets' names would stop the next try. The table's is
    CloudFormation's, and it is protected from being deleted."""
    kept = template()["Resources"][resource]
    policy = "Retain" if resource == "Table" else "RetainExceptOnCreate"
    assert (kept["DeletionPolicy"], kept["UpdateReplacePolicy"]) == (policy, "Retain")


def test_every_dead_letter_and_every_function_is_watched() -> None:
    watched = json.dumps(resources("AWS::CloudWatch::Alarm"))
    dead = [name for name in resources("AWS::SQS::Queue") if name.endswith("DeadQueue")]
    assert [name for name in (*dead, *FUNCTIONS) if f'"{name}"' not in watched] == []
