"""The stub's SQS: queues that are there as soon as they are named."""

import asyncio
import heapq
import itertools
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.bench.wire_stub.message import Answer, refused, told

Request = dict[str, Any]
_serial = itertools.count()


@dataclass
class Letter:
    """A message, and the receipt that it is out on."""

    body: str
    group: str
    receives: int = 0
    handle: str = ""
    hidden_until: float = 0.0

    def told(self) -> dict[str, Any]:
        attributes = {"ApproximateReceiveCount": str(self.receives), "MessageGroupId": self.group}
        return {
            "MessageId": self.handle,
            "ReceiptHandle": self.handle,
            "Body": self.body,
            "Attributes": attributes,
        }


@dataclass
class Queue:
    """First come, first served; what is out comes back when its time is up."""

    ready: deque[Letter] = field(default_factory=deque)
    out: dict[str, Letter] = field(default_factory=dict)
    _lapses: list[tuple[float, str]] = field(default_factory=list)

    def receive(self, limit: int, visibility: float) -> list[Letter]:
        self._return_lapsed()
        received = [self.ready.popleft() for _ in range(min(limit, len(self.ready)))]
        for letter in received:
            letter.handle = f"receipt-{next(_serial)}-" + "r" * 160
            letter.receives += 1
            self.out[letter.handle] = letter
            self._hide(letter, visibility)
        return received

    def change(self, handle: str, visibility: float) -> bool:
        letter = self.out.get(handle)
        if letter:
            self._hide(letter, visibility)
        return letter is not None

    def delete(self, handle: str) -> bool:
        """A stale handle removes nothing, and nobody is told."""
        self.out.pop(handle, None)
        return True

    def _hide(self, letter: Letter, visibility: float) -> None:
        letter.hidden_until = time.monotonic() + visibility
        heapq.heappush(self._lapses, (letter.hidden_until, letter.handle))

    def _return_lapsed(self) -> None:
        now = time.monotonic()
        while self._lapses and self._lapses[0][0] <= now:
            letter = self.out.get(heapq.heappop(self._lapses)[1])
            if letter and letter.hidden_until <= now:
                self.ready.append(self.out.pop(letter.handle))


class Queues:
    """Queues by name. Waiting for a letter costs a look every few milliseconds."""

    LOOK_SECONDS = 0.005

    def __init__(self) -> None:
        self._queues: defaultdict[str, Queue] = defaultdict(Queue)
        self.operations: dict[str, Callable[[Queue, Request], Answer]] = {
            "SendMessage": _send,
            "SendMessageBatch": lambda queue, request: _each(request, lambda one: _put(queue, one)),
            "ReceiveMessage": _receive,
            "ChangeMessageVisibility": _change,
            "ChangeMessageVisibilityBatch": lambda queue, request: _each(
                request, lambda one: queue.change(one["ReceiptHandle"], one["VisibilityTimeout"])
            ),
            "DeleteMessage": _delete,
            "DeleteMessageBatch": lambda queue, request: _each(
                request, lambda one: queue.delete(one["ReceiptHandle"])
            ),
            "GetQueueAttributes": _attributes,
        }

    async def answer(self, operation: str, request: Request) -> Answer:
        queue = self._queues[request["QueueUrl"].rpartition("/")[2]]
        answer = self.operations[operation](queue, request)
        give_up = time.monotonic() + request.get("WaitTimeSeconds", 0)
        while answer.body == NOTHING and time.monotonic() < give_up:
            await asyncio.sleep(self.LOOK_SECONDS)
            answer = self.operations[operation](queue, request)
        return answer


NOTHING = b'{"Messages":[]}'


def _put(queue: Queue, one: Request) -> bool:
    queue.ready.append(Letter(one["MessageBody"], one.get("MessageGroupId", "")))
    return True


def _send(queue: Queue, request: Request) -> Answer:
    _put(queue, request)
    return told({"MessageId": "message"})


def _receive(queue: Queue, request: Request) -> Answer:
    letters = queue.receive(request["MaxNumberOfMessages"], request["VisibilityTimeout"])
    return told({"Messages": [letter.told() for letter in letters]})


def _change(queue: Queue, request: Request) -> Answer:
    known = queue.change(request["ReceiptHandle"], request["VisibilityTimeout"])
    return told({}) if known else refused("ReceiptHandleIsInvalid")


def _delete(queue: Queue, request: Request) -> Answer:
    queue.delete(request["ReceiptHandle"])
    return told({})


def _attributes(queue: Queue, request: Request) -> Answer:
    counts = {
        "ApproximateNumberOfMessages": str(len(queue.ready)),
        "ApproximateNumberOfMessagesNotVisible": str(len(queue.out)),
    }
    return told({"Attributes": counts})


def _each(request: Request, act: Callable[[Request], bool]) -> Answer:
    done = [(one["Id"], act(one)) for one in request["Entries"]]
    return told(
        {
            "Successful": [{"Id": name, "MessageId": name} for name, known in done if known],
            "Failed": list(_failures(name for name, known in done if not known)),
        }
    )


def _failures(names: Iterable[str]) -> Iterable[dict[str, Any]]:
    return ({"Id": name, "Code": "ReceiptHandleIsInvalid", "SenderFault": True} for name in names)
