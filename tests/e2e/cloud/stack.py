"""The template, deployed: SAM transforms it, and the emulator's CloudFormation makes it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.aws.clients import Clients
from tests.e2e.cloud.limits import ROUTES, is_left_out, translated
from tests.machine import wait_until
from tests.sam import transformed

Resource = dict[str, Any]

WHOEVER_OWNS_IT = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}],
}
"""The emulator's Lambda is off: the test takes the roles of the functions in its stead."""


@dataclass
class Stack:
    """The transformed document, and what its expressions came to."""

    clients: Clients
    document: dict[str, Any]
    outputs: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    """By expression, as JSON; those of what a condition leaves out are absent."""

    def resources(self, kind: str) -> dict[str, Resource]:
        """The properties of the resources of a type, by name."""
        found = self.document["Resources"].items()
        return {name: one.get("Properties", {}) for name, one in found if one["Type"] == kind}

    def value(self, expression: Any) -> str:
        """What CloudFormation made of an expression that a function is given."""
        return self.values[json.dumps(expression)]

    def functions(self) -> dict[str, Resource]:
        """The functions that there are under these parameters."""
        found = self.resources("AWS::Lambda::Function").items()
        return {name: one for name, one in found if json.dumps(one["Role"]) in self.values}

    def variables(self, function: str) -> dict[str, str]:
        """The environment that a function is given."""
        return {name: self.value(one) for name, one in _variables(self._function(function))}

    def role(self, function: str) -> dict[str, str]:
        """The credentials of a function's role."""
        return assume(self.clients, self.value(self._function(function)["Role"]))

    def _function(self, name: str) -> Resource:
        return self.resources("AWS::Lambda::Function")[name]


def deploy(clients: Clients, name: str, **parameters: str) -> Stack:
    """Make everything that the emulator can make."""
    stack = Stack(clients, transformed(**parameters))
    asked = list(_expressions(stack.document["Resources"].values()))
    template = _made(stack.document, _questions(asked))
    clients.call(
        "cloudformation",
        "create_stack",
        StackName=name,
        TemplateBody=json.dumps(template),
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
        ],
        Capabilities=["CAPABILITY_IAM"],
    )
    wait_until(lambda: not _described(clients, name)["StackStatus"].endswith("_IN_PROGRESS"), 60)
    made = _described(clients, name)
    assert made["StackStatus"] == "CREATE_COMPLETE", _failures(clients, name)
    stack.outputs.update({one["OutputKey"]: one["OutputValue"] for one in made["Outputs"]})
    for n, (_, expression) in enumerate(asked):
        if f"Asked{n}" in stack.outputs:
            stack.values[json.dumps(expression)] = stack.outputs[f"Asked{n}"]
    return stack


def _described(clients: Clients, name: str) -> dict[str, Any]:
    (stack,) = clients.call("cloudformation", "describe_stacks", StackName=name)["Stacks"]
    return dict(stack)


def _failures(clients: Clients, name: str) -> list[str]:
    told = clients.call("cloudformation", "describe_stack_events", StackName=name)["StackEvents"]
    failed = [event for event in told if event["ResourceStatus"].endswith("_FAILED")]
    return [f"{one['LogicalResourceId']}: {one.get('ResourceStatusReason')}" for one in failed]


def assume(clients: Clients, role: str) -> dict[str, str]:
    """A role's credentials, as the environment of a process."""
    clients.call(
        "iam",
        "update_assume_role_policy",
        RoleName=role.rpartition("/")[2],
        PolicyDocument=json.dumps(WHOEVER_OWNS_IT),
    )
    taken = clients.call("sts", "assume_role", RoleArn=role, RoleSessionName="function")
    credentials = taken["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
        "AWS_SESSION_TOKEN": credentials["SessionToken"],
    }


def as_role(endpoint: str, credentials: Mapping[str, str]) -> Clients:
    """Clients with these credentials."""
    clients = Clients(endpoint)
    clients.session().set_credentials(*credentials.values())
    return clients


def _made(given: dict[str, Any], questions: dict[str, Resource]) -> dict[str, Any]:
    """The document without what is left out, and with the outputs that answer the questions."""
    document = json.loads(json.dumps(given))
    everything: dict[str, Resource] = document["Resources"]
    made = {name: one for name, one in everything.items() if not is_left_out(one["Type"])}
    for one in made.values():
        if one["Type"] == ROUTES:
            one["Properties"] = {"Name": "api", "ProtocolType": "HTTP"}
    secrets = {name for name, one in made.items() if one["Type"] == "AWS::SecretsManager::Secret"}
    outputs = _kept(document["Outputs"], set(everything) - set(made)) | questions
    return {
        **{key: text for key, text in document.items() if key != "Metadata"},
        "Resources": translated(made, secrets),
        "Outputs": translated(outputs, secrets),
    }


def _questions(asked: list[tuple[dict[str, str], Any]]) -> dict[str, Resource]:
    return {
        f"Asked{n}": {"Value": expression, **condition}
        for n, (condition, expression) in enumerate(asked)
    }


def _expressions(resources: Any) -> Iterator[tuple[dict[str, str], Any]]:
    """What is asked of CloudFormation: all that Lambda is told, and on which condition."""
    for one in resources:
        condition = {key: one[key] for key in ("Condition",) if key in one}
        given = one.get("Properties", {})
        if one["Type"] == "AWS::Lambda::Function":
            yield condition, given["Role"]
            yield from ((condition, value) for _, value in _variables(given))
        if one["Type"] == "AWS::Lambda::EventSourceMapping":
            yield condition, given["EventSourceArn"]
        if one["Type"] == "AWS::CloudFormation::Stack":
            yield from (({}, value) for value in given["Parameters"].values())


def _variables(function: Resource) -> list[tuple[str, Any]]:
    return list(function.get("Environment", {}).get("Variables", {}).items())


def _kept(outputs: dict[str, Resource], absent: set[str]) -> dict[str, Resource]:
    """Those outputs that speak of nothing that is absent."""
    return {
        name: one
        for name, one in outputs.items()
        if not any(f'"{gone}"' in json.dumps(one) for gone in absent)
    }
