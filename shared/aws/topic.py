"""The topic in SNS."""

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from shared.aws.clients import Clients
from shared.contract import Event
from shared.errors import Unavailable

MAX_ENTRIES = 10
FILTERABLE = ("tenant",)
"""What of an event's data a subscription may filter by, beside its type."""


class SnsTopic:
    """`shared.ports.Topic`. Without an ARN nobody is told."""

    def __init__(self, clients: Clients, arn: str | None) -> None:
        self.clients = clients
        self.arn = arn

    def publish(self, events: Mapping[str, Event]) -> None:
        """https://docs.aws.amazon.com/sns/latest/api/API_PublishBatch.html"""
        if self.arn is None:
            return
        entries = [_entry(event_id, event) for event_id, event in events.items()]
        for start in range(0, len(entries), MAX_ENTRIES):
            batch = entries[start : start + MAX_ENTRIES]
            told = self.clients.call(
                "sns", "publish_batch", TopicArn=self.arn, PublishBatchRequestEntries=batch
            )
            if failed := told.get("Failed"):
                raise Unavailable(f"SNS did not take {len(failed)} events: {failed[0]['Code']}")


def _entry(event_id: str, event: Event) -> dict[str, Any]:
    """https://docs.aws.amazon.com/sns/latest/dg/sns-message-filtering.html"""
    return {
        "Id": event_id,
        "Message": to_json({"id": event_id, "event": event}).decode(),
        "MessageAttributes": _attributes(event),
    }


def _attributes(event: Event) -> dict[str, Any]:
    known = {name: event.data[name] for name in FILTERABLE if name in event.data}
    return {
        name: {"DataType": "String", "StringValue": str(value)}
        for name, value in {"type": event.type, **known}.items()
    }
