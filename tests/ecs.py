"""Two services on moto's ECS, as `gpu_worker/fleet.yaml` makes them.

Moto starts no tasks of a service, and never has too few instances: what a service has, and who
waits, is put there by hand.
"""

import time
from collections.abc import Sequence
from typing import Any

from moto.ecs.models import ecs_backends

from shared.aws.clients import Clients
from shared.settings import Settings

CLUSTER = "atelier"
ACCOUNT = "123456789012"


def deploy_fleet(clients: Clients) -> Settings:
    """The cluster and both services, which want no task yet; what the settings say of them."""
    sdk = clients.client("ecs")
    sdk.create_cluster(clusterName=CLUSTER)
    worker = {"name": "worker", "image": "worker:1", "memory": 512, "essential": True}
    sdk.register_task_definition(family="worker", containerDefinitions=[worker])
    arns = {kind: _service(sdk, kind) for kind in ("spot", "on-demand")}
    return Settings(
        fleet_cluster=CLUSTER, fleet_spot=arns["spot"], fleet_on_demand=arns["on-demand"]
    )


def _service(sdk: Any, kind: str) -> str:
    made = sdk.create_service(
        cluster=CLUSTER, serviceName=kind, taskDefinition="worker", desiredCount=0
    )
    return str(made["service"]["serviceArn"])


def desired(clients: Clients, settings: Settings) -> tuple[int, int]:
    """How many tasks are asked of each service."""
    services = [settings.fleet_spot, settings.fleet_on_demand]
    found = clients.client("ecs").describe_services(cluster=CLUSTER, services=services)["services"]
    counts = {one["serviceArn"]: int(one["desiredCount"]) for one in found}
    return counts[settings.fleet_spot], counts[settings.fleet_on_demand]


def run_tasks(clients: Clients, service: str, statuses: Sequence[tuple[str, float]]) -> None:
    """The service has tasks in these states, made so many seconds ago."""
    backend = ecs_backends[ACCOUNT][clients.region]
    made = backend.run_task(CLUSTER, "worker", len(statuses), {}, "", [], "FARGATE")
    for task, (status, age) in zip(made, statuses, strict=True):
        task.last_status = status
        vars(task)["created_at"] = time.time() - age  # which moto does not tell by itself
    (found,) = (one for one in backend.services.values() if one.arn == service)
    found.running_count = sum(status == "RUNNING" for status, _ in statuses)
