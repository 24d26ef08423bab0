"""Reading `template.yaml`: CloudFormation's short forms as their long ones."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

TEMPLATE = Path(__file__).parents[1] / "template.yaml"
FLEET = TEMPLATE.parent / "gpu_worker" / "fleet.yaml"
"""The part of it that is a template of its own."""


class Loader(yaml.SafeLoader):
    """YAML with `!Ref`, `!GetAtt`, `!Sub` and the like."""


def _long_form(loader: Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value = _value(loader, node)
    if suffix == "GetAtt":
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


def _value(loader: Loader, node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    return loader.construct_scalar(node)  # type: ignore[arg-type]


Loader.add_multi_constructor("!", _long_form)


@cache
def template(path: Path = TEMPLATE) -> dict[str, Any]:
    """A template, as CloudFormation understands it."""
    return dict(yaml.load(path.read_text(), Loader))  # noqa: S506 (it is a SafeLoader)


def resources(kind: str, path: Path = TEMPLATE) -> dict[str, dict[str, Any]]:
    """The properties of the resources of one type, by name."""
    found = template(path)["Resources"].items()
    return {name: one.get("Properties", {}) for name, one in found if one["Type"] == kind}


def queue_name(logical_id: str) -> str:
    """The name that the code knows a queue by."""
    named = resources("AWS::SQS::Queue")[logical_id]["QueueName"]["Fn::Sub"]
    return str(named).removeprefix("${AWS::StackName}-")


def environment_of(function: str) -> dict[str, Any]:
    """The variables that a function is given."""
    properties = resources("AWS::Serverless::Function")[function]
    return dict(properties.get("Environment", {}).get("Variables", {}))


def queues_of(function: str) -> dict[str, str]:
    """What a function is told of queues: logical ids by name."""
    told = environment_of(function).get("ATELIER_QUEUES", {"Fn::Sub": "{}"})
    return {name: url.strip("${}") for name, url in json.loads(told["Fn::Sub"]).items()}


@dataclass(frozen=True)
class Statement:
    """One statement of a policy, and whose it is."""

    owner: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    """As text: `Table.Arn`, `Table.Arn/index/by_due`, `InboxBucket.Arn/uploads/*`."""


def statements(owner: str | None = None) -> Iterator[Statement]:
    """Every statement of every policy in the template, or of one role."""
    for name, resource in template()["Resources"].items():
        for document in _documents(resource.get("Properties", {})):
            for one in document["Statement"]:
                if owner in (None, name):
                    yield Statement(
                        name,
                        one["Effect"],
                        tuple(_listed(one["Action"])),
                        tuple(_text(target) for target in _listed(one.get("Resource", []))),
                    )


def _documents(properties: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "PolicyDocument" in properties:
        yield properties["PolicyDocument"]
    if "AssumeRolePolicyDocument" in properties:
        yield properties["AssumeRolePolicyDocument"]
    for policy in properties.get("Policies", []):
        yield policy["PolicyDocument"]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _text(target: Any) -> str:
    match target:
        case {"Fn::GetAtt": [name, attribute]}:
            return f"{name}.{attribute}"
        case {"Fn::Sub": str(text)}:
            return text.replace("${", "").replace("}", "")
        case {"Ref": str(name)}:
            return name
    return str(target)
