"""A worker, started as the fleet's task definition says, with a worker's rights."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import yaml

from local.child import Child, Program
from shared.settings import PREFIX, Settings, environment
from tests.cloudformation import Loader
from tests.e2e.cloud.deployment import Deployment
from tests.e2e.cloud.stack import WHOEVER_OWNS_IT, Stack, assume
from tests.machine import wait_until
from tests.sam import ROOT

FLEET = ROOT / "gpu_worker" / "fleet.yaml"
DRAIN_SECONDS = 120


@contextmanager
def worker(cloud: Deployment) -> Iterator[Child]:
    """A worker without a GPU; drained when the block ends."""
    role = worker_role(cloud.stack)
    given = {**variables(cloud.stack), **cloud.beside, **role, "ATELIER_DEVICE": "cpu"}
    child = Child(
        Program(
            name="worker",
            command=(sys.executable, "-m", "gpu_worker", "run"),
            environment={**environment(Settings()), **given},
            log=cloud.logs / "worker.log",
            tells_ready=False,
            patience=0,
        )
    )
    child.start(0)
    try:
        yield child
    finally:
        child.terminate()
        wait_until(lambda: child.ended() is not None, DRAIN_SECONDS)


def variables(stack: Stack) -> dict[str, str]:
    """The settings in the task definition, whose parameters the template gives."""
    fleet = yaml.load(FLEET.read_text(), Loader)["Resources"].values()  # noqa: S506 (it is safe)
    (task,) = (one for one in fleet if one["Type"] == "AWS::ECS::TaskDefinition")
    (container,) = task["Properties"]["ContainerDefinitions"]
    (given,) = stack.resources("AWS::CloudFormation::Stack").values()

    def value(written: Any) -> str:
        if isinstance(written, dict):
            return stack.value(given["Parameters"][written["Ref"]])
        return str(written)

    settings = {one["Name"]: one["Value"] for one in container["Environment"]}
    return {name: value(one) for name, one in settings.items() if name.startswith(PREFIX)}


def worker_role(stack: Stack) -> dict[str, str]:
    """The credentials of a task of the fleet."""
    role = stack.clients.call(
        "iam",
        "create_role",
        RoleName=f"worker-{uuid4()}",
        AssumeRolePolicyDocument=json.dumps(WHOEVER_OWNS_IT),
    )["Role"]
    policy = stack.outputs["WorkerPolicyArn"]
    stack.clients.call("iam", "attach_role_policy", RoleName=role["RoleName"], PolicyArn=policy)
    return assume(stack.clients, role["Arn"])
