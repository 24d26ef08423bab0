"""The stub's DynamoDB: one table, under whatever name."""

from collections.abc import Callable
from typing import Any

from tests.bench.wire_stub.message import Answer, refused, told

Item = dict[str, Any]
Key = tuple[str, str]


class Table:
    """Items under (pk, sk), and the two conditions that our adapter writes under."""

    def __init__(self) -> None:
        self._items: dict[Key, Item] = {}
        self.operations: dict[str, Callable[[Item], Answer]] = {
            "GetItem": self._get,
            "PutItem": self._put,
            "DeleteItem": self._delete,
            "Query": self._query,
            "BatchGetItem": self._read,
        }

    def _get(self, request: Item) -> Answer:
        item = self._items.get(_key(request["Key"]))
        return told({"Item": item} if item else {})

    def _put(self, request: Item) -> Answer:
        key = _key(request["Item"])
        stored = self._items.get(key)
        if not _allowed(stored, request):
            return refused("ConditionalCheckFailedException", Item=stored)
        self._items[key] = request["Item"]
        return told({})

    def _delete(self, request: Item) -> Answer:
        self._items.pop(_key(request["Key"]), None)
        return told({})

    def _read(self, request: Item) -> Answer:
        ((name, wanted),) = request["RequestItems"].items()
        found = [self._items[key] for key in map(_key, wanted["Keys"]) if key in self._items]
        return told({"Responses": {name: found}, "UnprocessedKeys": {}})

    def _query(self, request: Item) -> Answer:
        """One kind of records of one partition. The indices lag behind for ever: they are empty."""
        if "IndexName" in request:
            return told({"Items": []})
        pk, prefix = (request["ExpressionAttributeValues"][name]["S"] for name in (":pk", ":sk"))
        found = sorted(key for key in self._items if key[0] == pk and key[1].startswith(prefix))
        return told({"Items": [self._items[key] for key in found]})


def _allowed(stored: Item | None, request: Item) -> bool:
    """Whether the stored version is the one that the writer knows, or there is none."""
    name = request["ExpressionAttributeNames"]["#name"]
    if name == "version":
        return stored is not None and stored[name] == request["ExpressionAttributeValues"][":value"]
    return stored is None


def _key(item: Item) -> Key:
    return item["pk"]["S"], item["sk"]["S"]
