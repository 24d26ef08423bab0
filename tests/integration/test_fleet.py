"""The fleet's template, deployed on an emulator: its parts find each other, and the scaling them.

Moto knows no capacity providers in a template, starts no instances and places no tasks: which
instance a task gets, and that a protected task stays, is ECS's promise and is not tried here.
"""

import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from moto import mock_aws

from functions.scale.scaling import Scaling
from gpu_worker.drain import Drain
from shared.aws import cloud
from shared.aws.clients import Clients
from shared.settings import Settings
from shared.system import LANES
from tests.cloudformation import FLEET, resources
from tests.contract.conftest import CREDENTIALS

pytestmark = pytest.mark.slow

PARAMETERS = {
    "Stack": "atelier",
    "Image": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/atelier-worker:1",
    "RepositoryArn": "arn:aws:ecr:eu-central-1:123456789012:repository/atelier-worker",
    "WorkerPolicyArn": "arn:aws:iam::123456789012:policy/worker",
    "TableName": "table",
    "InboxBucket": "inbox",
    "ArtworksBucket": "artworks",
    "WorkerQueues": '{"standard-interactive": "https://one", "standard-bulk": "https://two"}',
    "LogDays": "30",
    "Ceiling": "4",
    "InstanceTypes": "g4dn.xlarge,g5.xlarge",
}
UNKNOWN_TO_MOTO = {"AWS::ECS::CapacityProvider", "AWS::ECS::ClusterCapacityProviderAssociations"}


@dataclass
class Deployed:
    """The stack's clients and outputs, and what of it the emulator left out."""

    clients: Clients
    network: str
    outputs: dict[str, str]
    missing: set[str]

    def ask(self, service: str, operation: str, **request: Any) -> dict[str, Any]:
        return dict(getattr(self.clients.client(service), operation)(**request))


@pytest.fixture(params=["public", "private"])
def deployed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    with mock_aws(), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        clients = Clients()
        clients.wire = None  # moto sees only the calls that the SDK makes
        sdk = clients.client("cloudformation")
        given = PARAMETERS | {"Network": request.param}
        sdk.create_stack(
            StackName="fleet",
            TemplateBody=FLEET.read_text(),
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()],
        )
        (stack,) = sdk.describe_stacks(StackName="fleet")["Stacks"]
        assert stack["StackStatus"] == "CREATE_COMPLETE"
        outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        told = " ".join(str(one.message) for one in said)
        yield Deployed(
            clients, request.param, outputs, set(re.findall(r"parse (AWS::\S+) but", told))
        )


def test_it_comes_up_without_a_worker_or_an_instance(deployed: Deployed) -> None:
    assert deployed.missing == UNKNOWN_TO_MOTO
    services = [deployed.outputs["Spot"], deployed.outputs["OnDemand"]]
    found = deployed.ask(
        "ecs", "describe_services", cluster=deployed.outputs["Cluster"], services=services
    )
    assert [one["desiredCount"] for one in found["services"]] == [0, 0]
    groups = deployed.ask("autoscaling", "describe_auto_scaling_groups")["AutoScalingGroups"]
    assert len(groups) == len(resources("AWS::AutoScaling::AutoScalingGroup", FLEET))
    assert {(one["MinSize"], one["MaxSize"], len(one["Instances"])) for one in groups} == {
        (0, 4, 0)
    }


def test_what_the_worker_is_told_are_settings(deployed: Deployed) -> None:
    task = deployed.ask("ecs", "describe_task_definition", taskDefinition="atelier-worker")
    (worker,) = task["taskDefinition"]["containerDefinitions"]
    told = {one["name"]: one["value"] for one in worker["environment"]}
    fields = {name.removeprefix("ATELIER_").lower(): value for name, value in told.items()}
    chosen = Settings.model_validate(fields | {"queues": {}})
    assert (chosen.table, chosen.stack, chosen.device) == ("table", "atelier", "cuda")
    assert Drain(chosen.drain).seconds < worker["stopTimeout"]


def test_the_scaling_wakes_its_services(deployed: Deployed) -> None:
    queues = {
        f"standard-{lane}": deployed.ask("sqs", "create_queue", QueueName=lane)["QueueUrl"]
        for lane in LANES
    }
    settings = Settings(
        queues=queues,
        fleet_cluster=deployed.outputs["Cluster"],
        fleet_spot=deployed.outputs["Spot"],
        fleet_on_demand=deployed.outputs["OnDemand"],
    )
    system = cloud(settings, deployed.clients)
    system.queue("standard-bulk").send("a job", "tenant")
    assert Scaling().turn(system).spot == 1
    assert system.fleet().spot().desired == 1
    assert system.fleet().on_demand().desired == 0


def test_only_a_public_network_has_a_way_out(deployed: Deployed) -> None:
    gateways = deployed.ask("ec2", "describe_internet_gateways")["InternetGateways"]
    (network,) = deployed.ask(
        "ec2", "describe_vpcs", Filters=[{"Name": "cidr", "Values": ["10.77.0.0/20"]}]
    )["Vpcs"]
    endpoints = deployed.ask("ec2", "describe_vpc_endpoints")["VpcEndpoints"]
    inside = [one for one in endpoints if one["VpcId"] == network["VpcId"]]
    kinds = [one["VpcEndpointType"] for one in inside]
    if deployed.network == "public":
        assert (len(gateways), kinds.count("Interface")) == (1, 0)
    else:
        assert (len(gateways), kinds.count("Interface")) == (0, 7)
    assert kinds.count("Gateway") == 2


def test_nobody_is_let_in_from_outside(deployed: Deployed) -> None:
    groups = deployed.ask("ec2", "describe_security_groups")["SecurityGroups"]
    ours = [one for one in groups if one["Description"].endswith("come in.")]
    ours += [one for one in groups if one["Description"].endswith("comes in.")]
    assert len(ours) == (1 if deployed.network == "public" else 2)
    for rule in (rule for group in ours for rule in group["IpPermissions"]):
        assert not rule["IpRanges"] + rule["Ipv6Ranges"] + rule["PrefixListIds"]
