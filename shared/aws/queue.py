"""A queue in SQS: a standard one, whose redrive policy names its dead-letter queue."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from shared.aws.clients import Clients, Refused, Response
from shared.errors import Unavailable
from shared.ports import Letter

MAX_LETTERS = 10
MAX_WAIT_SECONDS = 20
MAX_DELAY_SECONDS = 900

STALE = frozenset(
    {
        "ReceiptHandleIsInvalid",
        "InvalidParameterValue",
        "MessageNotInflight",
        "AWS.SimpleQueueService.MessageNotInflight",
    }
)
"""How SQS says that a handle is no longer good for anything."""


class SqsQueue:
    """`shared.ports.Queue`. SQS counts in whole seconds: fractions are rounded up."""

    def __init__(self, clients: Clients, url: str) -> None:
        self.clients = clients
        self.url = url

    def send(self, body: str, group: str, delay: float = 0) -> None:
        """On a standard queue a group id makes it fair; it is not an order.

        https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
        """
        self._call(
            "send_message",
            MessageBody=body,
            MessageGroupId=group,
            DelaySeconds=min(math.ceil(delay), MAX_DELAY_SECONDS),
        )

    def receive(self, limit: int, visibility: float, wait: float = 0) -> list[Letter]:
        answer = self._call(
            "receive_message",
            MaxNumberOfMessages=min(limit, MAX_LETTERS),
            VisibilityTimeout=math.ceil(visibility),
            WaitTimeSeconds=min(math.ceil(wait), MAX_WAIT_SECONDS),
            MessageSystemAttributeNames=["ApproximateReceiveCount", "MessageGroupId"],
        )
        return [_letter(message) for message in answer.get("Messages", [])]

    def extend(self, letter: Letter, visibility: float) -> None:
        with _stale_handles_ignored():
            self._call(
                "change_message_visibility",
                ReceiptHandle=letter.handle,
                VisibilityTimeout=math.ceil(visibility),
            )

    def extend_all(self, seconds: Mapping[Letter, float]) -> list[Letter]:
        """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html"""
        return [
            letter
            for some in _tens(list(seconds))
            for letter, _ in self._each(
                "change_message_visibility_batch",
                some,
                lambda letter: {"VisibilityTimeout": math.ceil(seconds[letter])},
            )
        ]

    def delete(self, *letters: Letter) -> None:
        """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_DeleteMessageBatch.html"""
        for some in _tens(letters):
            failed = self._each("delete_message_batch", some, lambda _: {})
            if failed:
                raise Unavailable(f"SQS cannot delete a letter now: {failed[0][1]}")

    def depth(self) -> int:
        name = "ApproximateNumberOfMessages"
        answer = self._call("get_queue_attributes", AttributeNames=[name])
        return int(answer["Attributes"][name])

    def position(self, body: str) -> int | None:
        return None  # SQS keeps no order to stand in

    def _each(
        self, operation: str, letters: Sequence[Letter], more: Callable[[Letter], Response]
    ) -> list[tuple[Letter, str]]:
        """The letters for which it failed, and why: a batch is answered well though some of its
        entries were not."""
        entries = [
            {"Id": str(number), "ReceiptHandle": letter.handle, **more(letter)}
            for number, letter in enumerate(letters)
        ]
        failed = self._call(operation, Entries=entries).get("Failed", [])
        return [
            (letters[int(one["Id"])], one["Code"]) for one in failed if one["Code"] not in STALE
        ]

    def _call(self, operation: str, **request: Any) -> Response:
        return self.clients.call("sqs", operation, QueueUrl=self.url, **request)


@contextmanager
def _stale_handles_ignored() -> Iterator[None]:
    try:
        yield
    except Refused as refused:
        if refused.code not in STALE:
            raise


def _tens(letters: Sequence[Letter]) -> Iterator[Sequence[Letter]]:
    for first in range(0, len(letters), MAX_LETTERS):
        yield letters[first : first + MAX_LETTERS]


def _letter(message: Response) -> Letter:
    attributes = message["Attributes"]
    return Letter(
        body=message["Body"],
        handle=message["ReceiptHandle"],
        receives=int(attributes["ApproximateReceiveCount"]),
        group=attributes.get("MessageGroupId", ""),
    )
