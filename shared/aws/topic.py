"""The topic in SNS."""

from typing import Any

from pydantic_core import to_json

from shared.aws.clients import Clients
from shared.contract import Event

FILTERABLE = ("tenant",)
"""What of an event's data a subscription may filter by, beside its type."""


class SnsTopic:
    """`shared.ports.Topic`. Without an ARN nobody is told."""

    def __init__(self, clients: Clients, arn: str | None) -> None:
        self.clients = clients
        self.arn = arn

    def publish(self, event_id: str, event: Event) -> None:
        """https://docs.aws.amazon.com/sns/latest/dg/sns-message-filtering.html"""
        if self.arn is None:
            return
        self.clients.call(
            "sns",
            "publish",
            TopicArn=self.arn,
            Message=to_json({"id": event_id, "event": event}).decode(),
            MessageAttributes=_attributes(event),
        )


def _attributes(event: Event) -> dict[str, Any]:
    known = {name: event.data[name] for name in FILTERABLE if name in event.data}
    return {
        name: {"DataType": "String", "StringValue": str(value)}
        for name, value in {"type": event.type, **known}.items()
    }
