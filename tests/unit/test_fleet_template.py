"""The fleet's template keeps what the worker and its owner rely on: `gpu_worker/fleet.yaml`."""

from typing import Any

import pytest

from shared.settings import PREFIX, Settings
from tests.cloudformation import FLEET, resources, template

IMAGE = FLEET.parent / "Dockerfile"
SPOT_NOTICE_SECONDS = 120
SERVICES = ("Spot", "OnDemand")
GROUPS = ("SpotInstances", "OnDemandInstances")
CAPACITIES = ("SpotCapacity", "OnDemandCapacity")
GIB = 1024


def properties(name: str) -> dict[str, Any]:
    """Of one resource."""
    found: dict[str, Any] = template(FLEET)["Resources"][name]["Properties"]
    return found


@pytest.fixture(scope="module")
def worker() -> dict[str, Any]:
    """The one container."""
    (container,) = properties("Task")["ContainerDefinitions"]
    return dict(container)


@pytest.fixture(scope="module")
def told(worker: dict[str, Any]) -> dict[str, Any]:
    """Its environment."""
    return {one["Name"]: one["Value"] for one in worker["Environment"]}


# --- It is part of the stack ---------------------------------------------------------------------


def test_the_stack_hands_it_everything_that_it_asks_for() -> None:
    nested = template()["Resources"]["Fleet"]
    assert nested["Properties"]["TemplateURL"] == "gpu_worker/fleet.yaml"
    asked = {name for name, one in template(FLEET)["Parameters"].items() if "Default" not in one}
    given = set(nested["Properties"]["Parameters"])
    assert asked <= given <= set(template(FLEET)["Parameters"])


def test_without_an_image_there_is_no_fleet() -> None:
    assert template()["Parameters"]["WorkerTag"]["Default"] == ""
    for name in ("Fleet", "ScaleFunction", "ScaleRole"):
        assert template()["Resources"][name]["Condition"] == "HasFleet"


def test_the_scaling_is_told_of_both_services() -> None:
    variables = resources("AWS::Serverless::Function")["ScaleFunction"]["Environment"]["Variables"]
    for setting, output in (("CLUSTER", "Cluster"), ("SPOT", "Spot"), ("ON_DEMAND", "OnDemand")):
        told = variables[f"ATELIER_FLEET_{setting}"]
        assert told == {"Fn::GetAtt": ["Fleet", f"Outputs.{output}"]}
        assert template(FLEET)["Outputs"][output]["Value"] == {"Ref": output}


def test_a_worker_is_told_settings_that_exist(told: dict[str, Any]) -> None:
    known = {PREFIX + field.upper() for field in Settings.model_fields}
    assert set(told) <= known | {"AWS_DEFAULT_REGION"}


def test_the_price_of_private_subnets_stands_where_they_are_chosen() -> None:
    endpoints = [
        one
        for one in resources("AWS::EC2::VPCEndpoint", FLEET).values()
        if one["VpcEndpointType"] != "Gateway"
    ]
    price = len(endpoints) * len(resources("AWS::EC2::Subnet", FLEET)) * 0.01 * 730
    assert round(price, -1) == 100
    assert "$100 a month" in template()["Parameters"]["WorkerNetwork"]["Description"]


# --- Nothing comes in -----------------------------------------------------------------------------


def test_nobody_but_a_worker_reaches_anything_in_the_network() -> None:
    groups = resources("AWS::EC2::SecurityGroup", FLEET)
    assert "SecurityGroupIngress" not in groups["InstanceGroup"]
    assert not resources("AWS::EC2::SecurityGroupIngress", FLEET)
    for group in groups.values():
        for rule in group.get("SecurityGroupIngress", []):
            assert rule["SourceSecurityGroupId"] == {"Ref": "InstanceGroup"}
            assert not {"CidrIp", "CidrIpv6", "SourcePrefixListId"} & set(rule)


def test_what_goes_out_is_encrypted() -> None:
    for group in resources("AWS::EC2::SecurityGroup", FLEET).values():
        assert {
            (one["IpProtocol"], one["FromPort"], one["ToPort"])
            for one in group["SecurityGroupEgress"]
        } == {("tcp", 443, 443)}


def test_a_private_network_has_no_way_to_the_internet() -> None:
    for name in ("Internet", "InternetOfVpc", "RouteOut"):
        assert template(FLEET)["Resources"][name]["Condition"] == "IsPublic"
    assert set(resources("AWS::EC2::Route", FLEET)) == {"RouteOut"}
    (network,) = properties("Launch")["LaunchTemplateData"]["NetworkInterfaces"]
    assert network["AssociatePublicIpAddress"] == {"Fn::If": ["IsPublic", True, False]}
    assert not [
        one for one in resources("AWS::EC2::Subnet", FLEET).values() if "MapPublicIpOnLaunch" in one
    ]


def test_pictures_and_records_do_not_leave_the_network_of_aws() -> None:
    gateways = {
        one["ServiceName"]["Fn::Sub"].rpartition(".")[2]
        for one in resources("AWS::EC2::VPCEndpoint", FLEET).values()
        if one["VpcEndpointType"] == "Gateway" and one["RouteTableIds"] == [{"Ref": "Routes"}]
    }
    assert gateways == {"s3", "dynamodb"}


def test_there_is_a_subnet_in_each_of_two_zones() -> None:
    zones = [
        one["AvailabilityZone"]["Fn::Select"][0]
        for one in resources("AWS::EC2::Subnet", FLEET).values()
    ]
    assert sorted(zones) == [0, 1]


# --- The instances -------------------------------------------------------------------------------


def test_an_instance_is_shut_and_its_disk_encrypted() -> None:
    data = properties("Launch")["LaunchTemplateData"]
    assert data["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    assert all(disk["Ebs"]["Encrypted"] for disk in data["BlockDeviceMappings"])
    assert "KeyName" not in data


def test_a_spot_notice_stops_the_worker_in_time() -> None:
    script = properties("Launch")["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Sub"]
    assert "ECS_ENABLE_SPOT_INSTANCE_DRAINING=true" in script.splitlines()
    assert "ECS_CLUSTER=${Cluster}" in script.splitlines()


@pytest.mark.parametrize(("group", "on_demand"), [*zip(GROUPS, (0, 100), strict=True)])
def test_a_group_is_of_one_kind_and_of_many_types(group: str, on_demand: int) -> None:
    mixed = properties(group)["MixedInstancesPolicy"]
    assert mixed["InstancesDistribution"]["OnDemandPercentageAboveBaseCapacity"] == on_demand
    (override,) = mixed["LaunchTemplate"]["Overrides"]
    required = override["InstanceRequirements"]
    assert required["AllowedInstanceTypes"] == {"Ref": "InstanceTypes"}
    assert required["AcceleratorCount"] == {"Min": 1, "Max": 1}
    families = {
        one.partition(".")[0]
        for one in template()["Parameters"]["InstanceTypes"]["Default"].split(",")
    }
    assert families >= {"g4dn", "g5", "g6"}


@pytest.mark.parametrize("group", GROUPS)
def test_it_can_shrink_to_nothing_and_grow_to_the_ceiling(group: str) -> None:
    assert properties(group)["MinSize"] == "0"
    assert properties(group)["MaxSize"] == {"Ref": "Ceiling"}
    assert "DesiredCapacity" not in properties(group)


@pytest.mark.parametrize(("capacity", "group"), [*zip(CAPACITIES, GROUPS, strict=True)])
def test_only_instances_without_a_task_are_taken_away(capacity: str, group: str) -> None:
    provider = properties(capacity)["AutoScalingGroupProvider"]
    assert provider["AutoScalingGroupArn"] == {"Ref": group}
    assert provider["ManagedScaling"]["Status"] == "ENABLED"
    assert provider["ManagedTerminationProtection"] == "ENABLED"
    assert provider["ManagedDraining"] == "ENABLED"
    assert properties(group)["NewInstancesProtectedFromScaleIn"] is True


# --- The worker ----------------------------------------------------------------------------------


def test_a_worker_has_a_gpu_and_the_memory_of_the_smallest_instance(worker: dict[str, Any]) -> None:
    assert worker["ResourceRequirements"] == [{"Type": "GPU", "Value": "1"}]
    required = properties("SpotInstances")["MixedInstancesPolicy"]["LaunchTemplate"]["Overrides"]
    least = required[0]["InstanceRequirements"]["MemoryMiB"]["Min"]
    assert worker["Memory"] + GIB <= least


def test_it_may_do_little_to_its_machine(worker: dict[str, Any]) -> None:
    assert worker["ReadonlyRootFilesystem"] is True
    assert worker["Privileged"] is False
    assert "0" not in worker["User"].split(":")
    assert worker["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}
    assert [one["ContainerPath"] for one in worker["LinuxParameters"]["Tmpfs"]] == ["/tmp"]
    assert properties("Task")["NetworkMode"] == "bridge"


def test_it_is_the_user_of_the_image(worker: dict[str, Any]) -> None:
    image = IMAGE.read_text().splitlines()
    assert f"USER {worker['User']}" in image


def test_its_health_is_judged_as_the_image_says(worker: dict[str, Any]) -> None:
    image = IMAGE.read_text()
    command = worker["HealthCheck"]["Command"]
    assert command[0] == "CMD-SHELL"
    assert command[1].replace('"', '\\"') in image


def test_it_has_drained_before_it_is_killed_and_before_its_instance_goes(
    worker: dict[str, Any], told: dict[str, Any]
) -> None:
    drain = float(told["ATELIER_DRAIN"])
    assert drain < worker["StopTimeout"] <= SPOT_NOTICE_SECONDS
    assert drain == Settings().drain


def test_it_may_protect_itself_and_what_the_stack_says_and_no_more() -> None:
    role = properties("TaskRole")
    assert role["ManagedPolicyArns"] == [{"Ref": "WorkerPolicyArn"}]
    (policy,) = role["Policies"]
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Action"] == "ecs:UpdateTaskProtection"
    assert statement["Resource"]["Fn::Sub"].endswith(":task/${Cluster}/*")


@pytest.mark.parametrize(("service", "capacity"), [*zip(SERVICES, CAPACITIES, strict=True)])
def test_a_service_begins_with_nobody_on_its_own_kind_of_instance(
    service: str, capacity: str
) -> None:
    """With one, which is what ECS takes where nothing is said, a deploy would wait for a GPU that
    the account may not be allowed."""
    given = properties(service)
    assert given["DesiredCount"] == 0
    (strategy,) = given["CapacityProviderStrategy"]
    assert strategy["CapacityProvider"] == {"Ref": capacity}
    assert "LaunchType" not in given


@pytest.mark.parametrize("service", SERVICES)
def test_no_worker_waits_for_another_to_take_its_place(service: str) -> None:
    """On a spot notice there is no time for that, and at the ceiling no instance. What does not
    start is taken back."""
    deployment = properties(service)["DeploymentConfiguration"]
    assert (deployment["MinimumHealthyPercent"], deployment["MaximumPercent"]) == (0, 100)
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}
    assert properties(service)["AvailabilityZoneRebalancing"] == "DISABLED"


def test_an_idle_fleet_costs_nothing() -> None:
    """Of what is always there, nothing is of a kind that is paid for by the hour."""
    dear = {"AWS::EC2::NatGateway", "AWS::EC2::EIP", "AWS::ElasticLoadBalancingV2::LoadBalancer"}
    assert not dear & {one["Type"] for one in template(FLEET)["Resources"].values()}
    for name, endpoint in resources("AWS::EC2::VPCEndpoint", FLEET).items():
        if endpoint["VpcEndpointType"] == "Interface":
            assert template(FLEET)["Resources"][name]["Condition"] == "IsPrivate"
