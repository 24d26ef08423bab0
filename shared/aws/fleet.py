"""The workers on ECS: one service on spot instances, one on on-demand instances.

Two services, and not one whose strategy changes: that would replace every task.
"""

from collections.abc import Iterator
from datetime import UTC, datetime

from shared.aws.clients import Clients, Response
from shared.errors import Unavailable
from shared.fleet import Backlog, Workers
from shared.settings import Settings

WAITING, TAKEN = "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"
MOST_AT_ONCE = 100
"""Tasks, in a list and in a question."""


class EcsFleet:
    """`shared.fleet.Fleet`."""

    def __init__(self, clients: Clients, settings: Settings) -> None:
        self.clients, self.settings = clients, settings

    def backlog(self, queue: str) -> Backlog:
        """The queue's attributes: its metrics come a quarter of an hour late after it slept.

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
        """
        answer = self.clients.call(
            "sqs",
            "get_queue_attributes",
            QueueUrl=self.settings.queues[queue],
            AttributeNames=[WAITING, TAKEN],
        )["Attributes"]
        return Backlog(int(answer[WAITING]), int(answer[TAKEN]))

    def spot(self) -> Workers:
        return self._workers(self.settings.fleet_spot)

    def on_demand(self) -> Workers:
        return self._workers(self.settings.fleet_on_demand)

    def ask(self, spot: int, on_demand: int) -> None:
        for service, desired in (
            (self.settings.fleet_spot, spot),
            (self.settings.fleet_on_demand, on_demand),
        ):
            self._call("update_service", service=service, desiredCount=desired)

    def _workers(self, service: str) -> Workers:
        """https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeServices.html"""
        found = self._call("describe_services", services=[service])["services"]
        if not found:
            raise Unavailable(f"ECS does not know the service {service}")
        desired, running = int(found[0]["desiredCount"]), int(found[0]["runningCount"])
        homeless = tuple(self._provisioning(service)) if running < desired else ()
        return Workers(desired, running, homeless)

    def _provisioning(self, service: str) -> Iterator[float]:
        """A task is PROVISIONING until it has an instance. One that starts on its instance, or does
        so again and again, is not: more instances would not help it.

        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-lifecycle-explanation.html
        """
        for some in self._tasks(service):
            for task in self._call("describe_tasks", tasks=some)["tasks"]:
                if task["lastStatus"] == "PROVISIONING":
                    yield (datetime.now(UTC) - task["createdAt"]).total_seconds()

    def _tasks(self, service: str) -> Iterator[list[str]]:
        request: Response = {"serviceName": service, "maxResults": MOST_AT_ONCE}
        while True:
            page = self._call("list_tasks", **request)
            if page["taskArns"]:
                yield page["taskArns"]
            if not page.get("nextToken"):
                return
            request["nextToken"] = page["nextToken"]

    def _call(self, operation: str, **request: object) -> Response:
        return self.clients.call("ecs", operation, cluster=self.settings.fleet_cluster, **request)
