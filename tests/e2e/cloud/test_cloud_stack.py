"""What is deployed is what the template says, and what an emulator cannot do is known by name."""

import json
from typing import Any

import pytest

from shared.aws.clients import Refused
from shared.errors import Unavailable
from tests.e2e.cloud.deployment import Deployment
from tests.e2e.cloud.launch import NAME
from tests.e2e.cloud.limits import INSTEAD, is_left_out
from tests.e2e.cloud.stack import as_role
from tests.machine import wait_until

pytestmark = pytest.mark.slow


def made(cloud: Deployment) -> dict[str, str]:
    """The physical ids of what was made, by name."""
    asked = {"StackName": NAME}
    told = cloud.clients.call("cloudformation", "describe_stack_resources", **asked)
    return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in told["StackResources"]}


def test_all_of_the_template_is_made_but_what_is_named(cloud: Deployment) -> None:
    declared = cloud.stack.document["Resources"]
    unconditional = {name for name, one in declared.items() if "Condition" not in one}
    left_out = {name for name in unconditional if is_left_out(declared[name]["Type"])}
    assert unconditional - set(made(cloud)) == left_out
    kinds = {one["Type"] for one in declared.values()}
    assert [prefix for prefix in INSTEAD if not any(k.startswith(prefix) for k in kinds)] == []


def test_the_queues_bury_as_the_template_says(cloud: Deployment) -> None:
    queues = cloud.stack.resources("AWS::SQS::Queue")
    for name, url in made(cloud).items():
        if name in queues:
            asked = {"QueueUrl": url, "AttributeNames": ["All"]}
            held = cloud.clients.call("sqs", "get_queue_attributes", **asked)["Attributes"]
            declared = queues[name].get("RedrivePolicy", {}).get("maxReceiveCount")
            redrive = json.loads(held.get("RedrivePolicy", "{}"))
            assert redrive.get("maxReceiveCount") == declared
            assert held["VisibilityTimeout"] == str(queues[name].get("VisibilityTimeout", 30))


def test_the_table_has_its_indices_and_its_stream(cloud: Deployment) -> None:
    (declared,) = cloud.stack.resources("AWS::DynamoDB::Table").values()
    asked = {"TableName": cloud.system.settings.table}
    held = cloud.clients.call("dynamodb", "describe_table", **asked)["Table"]
    assert names(held["GlobalSecondaryIndexes"]) == names(declared["GlobalSecondaryIndexes"])
    assert held["StreamSpecification"]["StreamViewType"] == "NEW_IMAGE"


def names(indices: list[dict[str, Any]]) -> set[str]:
    return {index["IndexName"] for index in indices}


def test_a_function_may_do_what_its_role_allows_and_no_more(cloud: Deployment) -> None:
    look = as_role(str(cloud.clients.endpoint), cloud.stack.role("LookFunction"))
    asked = {"TableName": cloud.system.settings.table, "Key": {"pk": {"S": "a"}, "sk": {"S": "b"}}}
    look.call("dynamodb", "get_item", **asked)
    with pytest.raises(Unavailable, match="AccessDenied"):
        look.call("dynamodb", "delete_item", **asked)


# --- What the emulator cannot do: each fails here once it can -------------------------------------


def test_it_forgets_lifecycles(cloud: Deployment) -> None:
    assert "LifecycleConfiguration" in cloud.stack.resources("AWS::S3::Bucket")["InboxBucket"]
    bucket = cloud.system.settings.inbox_bucket
    with pytest.raises(Refused, match="NoSuchLifecycleConfiguration"):
        cloud.clients.call("s3", "get_bucket_lifecycle_configuration", Bucket=bucket)


def test_it_forgets_when_items_expire(cloud: Deployment) -> None:
    """Nothing relies on it: what has expired is ignored, and TTL only collects it."""
    (declared,) = cloud.stack.resources("AWS::DynamoDB::Table").values()
    assert declared["TimeToLiveSpecification"]["Enabled"]
    asked = {"TableName": cloud.system.settings.table}
    held = cloud.clients.call("dynamodb", "describe_time_to_live", **asked)
    assert held["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED"


def test_it_lets_no_role_read_a_stream(cloud: Deployment) -> None:
    """So the stream is read with the rights of the account's owner."""
    notify = as_role(str(cloud.clients.endpoint), cloud.stack.role("NotifyFunction"))
    with pytest.raises(Unavailable, match="AccessDenied"):
        notify.call("dynamodbstreams", "describe_stream", StreamArn=cloud.stream.arn())


def test_it_knows_no_metric_math(cloud: Deployment) -> None:
    alarm = cloud.stack.document["Resources"]["DeadLettersAlarm"]
    assert "Metrics" in alarm["Properties"]
    plain = {"Id": "dead", "Expression": "1 + 1", "ReturnData": True}
    alone = {"Type": alarm["Type"], "Properties": {**alarm["Properties"], "Metrics": [plain]}}
    for action in ("AlarmActions", "OKActions"):
        alone["Properties"].pop(action)
    template = json.dumps({"Resources": {"Alarm": alone}})
    asked = {"StackName": "alarm"}
    cloud.clients.call("cloudformation", "create_stack", TemplateBody=template, **asked)

    def status() -> str:
        told = cloud.clients.call("cloudformation", "describe_stacks", **asked)
        return str(told["Stacks"][0]["StackStatus"])

    wait_until(lambda: not status().endswith("IN_PROGRESS"))
    assert status() == "ROLLBACK_COMPLETE"


def test_it_takes_a_secrets_name_for_its_arn(cloud: Deployment) -> None:
    assert not made(cloud)["MasterSecret"].startswith("arn:")
