"""What may be done is said thing by thing; a wildcard that is allowed has its reason beside it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cloudformation import FLEET, TEMPLATE, Loader, resources, statements

TEMPLATES = (TEMPLATE, FLEET)
ENCRYPTED_TRANSIT = {"aws:SecureTransport": "false"}


def wildcards(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a template with a wildcard that a statement allows."""
    for statement in _statements(yaml.compose(path.read_text(), Loader)):
        parts = {name.value: value for name, value in statement.value}
        if parts["Effect"].value == "Allow":
            for name in ("Principal", "Action", "NotAction", "Resource", "NotResource"):
                for scalar in _scalars(parts.get(name)):
                    if _is_open(name, scalar.value):
                        yield scalar.start_mark.line, scalar.value


def _statements(node: yaml.Node | None) -> Iterator[yaml.MappingNode]:
    """Every mapping that says what its effect is."""
    if isinstance(node, yaml.MappingNode):
        if "Effect" in {name.value for name, _ in node.value}:
            yield node
        for _, value in node.value:
            yield from _statements(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _statements(value)


def _scalars(node: yaml.Node | None) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.ScalarNode):
        yield node
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _scalars(value)
    elif isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            yield from _scalars(value)


def _is_open(name: str, text: str) -> bool:
    """Part of a resource's name may be open: which it is, is said before that."""
    return text == "*" or (name.endswith("Action") and "*" in text)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_wildcard_has_its_reason_beside_it(path: Path) -> None:
    lines = path.read_text().splitlines()
    bare = [
        (line + 1, lines[line].strip()) for line, _ in wildcards(path) if "# " not in lines[line]
    ]
    assert bare == []


def test_there_are_few_and_they_are_the_keys() -> None:
    """A key's policy can only speak of that key; no role is given a wildcard."""
    key = resources("AWS::KMS::Key")["Key"]["KeyPolicy"]["Statement"]
    opened = [one for one in key if one["Resource"] == "*"]
    assert len(opened) == len(key)
    assert len(list(wildcards(TEMPLATE))) == len(key) + 2


def test_whoever_uses_the_key_is_of_this_account() -> None:
    """Or of a service of AWS that acts for this account."""
    for one in resources("AWS::KMS::Key")["Key"]["KeyPolicy"]["Statement"]:
        if "root" not in str(one["Principal"]):
            assert "AWS::AccountId" in str(one["Condition"]), one


def test_nothing_is_reached_without_tls() -> None:
    """Every bucket, queue and topic refuses it."""
    denied = {
        resource
        for document in _documents()
        for one in document["Statement"]
        if one["Effect"] == "Deny"
        and one.get("Condition", {}).get("Bool") == ENCRYPTED_TRANSIT
        and one["Principal"] == "*"
        for resource in _covered(document, one)
    }
    kinds = ("AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::SNS::Topic")
    assert denied == {name for kind in kinds for name in resources(kind)}


def _documents() -> Iterator[dict[str, Any]]:
    """Policies of resources, each with what it is attached to."""
    for kind, of in (("S3::Bucket", "Bucket"), ("SQS::Queue", "Queues"), ("SNS::Topic", "Topics")):
        for one in resources(f"AWS::{kind}Policy").values():
            yield one["PolicyDocument"] | {"of": one[of]}


def _covered(document: dict[str, Any], statement: dict[str, Any]) -> Iterator[str]:
    of = document["of"] if isinstance(document["of"], list) else [document["of"]]
    assert statement["Action"] in ("s3:*", "sqs:*", "sns:Publish")
    for one in of:
        named = str(statement["Resource"])
        assert one["Ref"] in named or named == "*"
        yield one["Ref"]


def test_a_queue_or_topic_has_one_policy() -> None:
    """A second one would replace the first."""
    for kind, of in (("SQS::Queue", "Queues"), ("SNS::Topic", "Topics")):
        policies = resources(f"AWS::{kind}Policy").values()
        named = [one["Ref"] for policy in policies for one in policy[of]]
        assert sorted(named) == sorted(set(named))


def test_logs_do_not_stay_for_ever_and_no_function_makes_its_own() -> None:
    logs = resources("AWS::Logs::LogGroup") | resources("AWS::Logs::LogGroup", FLEET)
    assert {str(one["RetentionInDays"]) for one in logs.values()} == {"{'Ref': 'LogDays'}"}
    functions = resources("AWS::Serverless::Function")
    for name, function in functions.items():
        assert function["LoggingConfig"]["LogGroup"]["Ref"] in logs, name
    allowed = {action for one in statements() if one.effect == "Allow" for action in one.actions}
    assert "logs:CreateLogGroup" not in allowed


def test_all_that_is_stored_can_be_put_under_a_key_of_ones_own() -> None:
    """And it is encrypted without one."""
    kinds = {
        "AWS::DynamoDB::Table": 1,
        "AWS::Logs::LogGroup": None,
        "AWS::S3::Bucket": 2,
        "AWS::SNS::Topic": 2,
        "AWS::SQS::Queue": None,
        "AWS::SecretsManager::Secret": 1,
    }
    for kind, count in kinds.items():
        found = resources(kind)
        assert found
        assert count in (None, len(found))
        for name, properties in found.items():
            assert "{'Fn::GetAtt': ['Key', 'Arn']}" in str(properties), name
