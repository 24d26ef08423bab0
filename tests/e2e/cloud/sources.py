"""What brings events to functions: the event source mappings of the template, and its schedule."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moto.events.models import EventPattern

from local.envelopes import failures
from shared.aws.clients import Clients
from tests.chaos.cloud.stream import Record, Stream, key

Invoke = Callable[..., Any]
WAIT_SECONDS = 2
PARTIAL = ["ReportBatchItemFailures"]


class QueueSource:
    """A queue's messages go to a function, as Lambda brings them: with the function's own rights.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    """

    def __init__(
        self, clients: Clients, arn: str, url: str, mapping: Mapping[str, Any], function: Invoke
    ) -> None:
        assert mapping["FunctionResponseTypes"] == PARTIAL
        self._clients, self._arn, self._url, self._function = clients, arn, url, function
        self._most = int(mapping["BatchSize"])

    def turn(self) -> None:
        """Wait for messages and bring them; those that were taken are deleted."""
        received = self._call(
            "receive_message",
            MaxNumberOfMessages=self._most,
            WaitTimeSeconds=WAIT_SECONDS,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages = received.get("Messages", [])
        if not messages:
            return
        failed = failures(self._function({"Records": [self._record(one) for one in messages]}))
        for message in messages:
            if message["MessageId"] not in failed:
                self._call("delete_message", ReceiptHandle=message["ReceiptHandle"])

    def _call(self, operation: str, **request: Any) -> dict[str, Any]:
        return self._clients.call("sqs", operation, QueueUrl=self._url, **request)

    def _record(self, message: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": message.get("MessageAttributes", {}),
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self._arn,
            "awsRegion": self._clients.region,
        }


class StreamSource(Stream):
    """The table's stream goes to a function, as far as the mapping's filter lets it through."""

    def __init__(
        self,
        clients: Clients,
        arn: str,
        mapping: Mapping[str, Any],
        function: Invoke,
        read_to: Path,
    ) -> None:
        assert mapping["FunctionResponseTypes"] == PARTIAL
        super().__init__(clients, "", function, read_to)
        self._arn = arn
        (only,) = mapping["FilterCriteria"]["Filters"]
        self._pattern = EventPattern.load(only["Pattern"])
        self._loses = False
        self.lost: list[str] = []
        """The items whose changes were given up."""

    def arn(self) -> str:
        return self._arn

    def passes(self, record: Record) -> bool:
        if not self._pattern.matches_event(json.loads(json.dumps(record, default=str))):
            return False
        if self._loses:
            self.lost.append(key(record))
        return not self._loses

    @contextmanager
    def losing(self) -> Iterator[None]:
        """What comes meanwhile is given up, as after the last retry."""
        self._loses = True
        try:
            yield
        finally:
            self._loses = False
