"""The job table in DynamoDB.

Attributes: the keys `pk` and `sk`, `version`, `body` (the record's JSON), `write` (a token), and
what stands in an index: `owner`, `batch`, `status`, `due_shard`, `due_at`. `expires_at` is the TTL
attribute; `announce` is what the stream's filter lets through to `notify`.
"""

import math
import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from time import sleep, time
from typing import Any, TypeVar

from shared.aws.clients import Clients, Refused, Response
from shared.backoff import decorrelated
from shared.errors import Unavailable, WriteConflict
from shared.records import KINDS, JobRecord, Record, due_shard

R = TypeVar("R", bound=Record)
Item = Mapping[str, Mapping[str, str]]

BY_OWNER = "by_owner"
"""(owner, pk), every attribute."""
BY_BATCH = "by_batch"
"""(batch, pk), every attribute."""
BY_DUE = "by_due"
"""(due_shard, due_at), keys only: a job that is written without a new `due_at` costs it nothing,
and what is due is read from the table itself, so that a lagging index wakes nobody in vain."""

MAX_PAGES = 100
MAX_KEYS = 100
MAX_MISSES = 8
PAUSE_LEAST, PAUSE_MOST = 0.05, 1.0
POLL_SECONDS = 0.5


class DynamoTable:
    """`shared.ports.Table`"""

    def __init__(self, clients: Clients, name: str) -> None:
        self.clients = clients
        self.name = name

    def get(self, kind: type[R], pk: str, sk: str | None = None) -> R | None:
        key = _strings(pk=pk, sk=sk or _name(kind))
        item = self._call("get_item", Key=key, ConsistentRead=True).get("Item")
        return _load(kind, item) if item and _alive(item) else None

    def get_many(self, kind: type[R], pks: Sequence[str]) -> dict[str, R]:
        sk = _name(kind)
        keys = [_strings(pk=pk, sk=sk) for pk in dict.fromkeys(pks)]
        return {item["pk"]["S"]: _load(kind, item) for item in self._read(keys) if _alive(item)}

    def put(self, record: R) -> R:
        """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html

        The SDK sends a request again whose answer was lost, and the second finds the condition
        broken by the first. The stored item then carries this very write's token: no other write,
        though it held the same body, is taken for ours.
        """
        token = secrets.token_hex(8)
        try:
            self._call("put_item", **_write(record, token))
        except Refused as refused:
            if not _lost_race(refused):
                raise
            if refused.response.get("Item", {}).get("write") != {"S": token}:
                raise WriteConflict(
                    f"{record.pk} {record.sk} is not at version {record.version}"
                ) from None
        return record.model_copy(update={"version": record.version + 1})

    def delete(self, record: Record) -> None:
        self._call("delete_item", Key=_strings(pk=record.pk, sk=record.sk))

    def partition(self, kind: type[R], pk: str) -> list[R]:
        items = self._query(
            "#pk = :pk AND begins_with(#sk, :sk)",
            _strings(pk=pk, sk=_name(kind)),
            ConsistentRead=True,
        )
        return [_load(kind, item) for item in items]

    def owned(
        self, kind: type[R], owner: str, before: str | None, limit: int, status: str | None = None
    ) -> list[R]:
        """A status is filtered after the read: pages are read on until `limit` are found."""
        if status is None:
            return self._newest(kind, BY_OWNER, "owner", owner, before, limit)
        return self._newest(kind, BY_OWNER, "owner", owner, before, limit, status=status)

    def batch(self, batch: str, before: str | None, limit: int) -> list[JobRecord]:
        return self._newest(JobRecord, BY_BATCH, "batch", batch, before, limit)

    def due(self, shard: int, now: datetime, limit: int) -> list[Record]:
        found = self._query(
            "#due_shard = :due_shard AND #due_at <= :due_at",
            _numbers(due_shard=shard, due_at=now.timestamp()),
            IndexName=BY_DUE,
            Limit=limit,
        )
        keys = [{"pk": item["pk"], "sk": item["sk"]} for item in islice(found, limit)]
        records = [_load(_kind(item["sk"]["S"]), item) for item in self._read(keys) if _alive(item)]
        moments = [(record.index().due_at, record) for record in records]
        overdue = [(moment, record) for moment, record in moments if moment and moment <= now]
        return [record for _, record in sorted(overdue, key=lambda pair: pair[0])]

    def watch(self, pk: str, seconds: float) -> None:
        sleep(max(0.0, min(seconds, POLL_SECONDS)))

    def _newest(
        self,
        kind: type[R],
        index: str,
        key: str,
        value: str,
        before: str | None,
        limit: int,
        **having: str,
    ) -> list[R]:
        """The newest records of one index partition."""
        condition = f"#{key} = :{key}" + (" AND #pk < :pk" if before else "")
        values = _strings(**{key: value}, **({"pk": before} if before else {}), **having)
        page: dict[str, Any] = {"Limit": limit}
        if having:
            page = {"FilterExpression": " AND ".join(f"#{name} = :{name}" for name in having)}
        found = self._query(condition, values, IndexName=index, ScanIndexForward=False, **page)
        return [_load(kind, item) for item in islice(found, limit)]

    def _query(self, condition: str, values: Item, **request: Any) -> Iterator[Item]:
        """https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Query.html"""
        request |= {
            "KeyConditionExpression": condition,
            "ExpressionAttributeNames": {f"#{name}": name for name in values},
            "ExpressionAttributeValues": {f":{name}": value for name, value in values.items()},
        }
        for _ in range(MAX_PAGES):
            page = self._call("query", **request)
            yield from (item for item in page["Items"] if _alive(item))
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        raise Unavailable("the list is too long to search", code="list_too_long")

    def _read(self, keys: Sequence[Item]) -> Iterator[Item]:
        """What there is under these keys, in no order. What an answer leaves out, because it is
        too long or the table is busy, is asked for again.

        https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
        """
        left, pause, misses = list(keys), 0.0, 0
        while left:
            wanted = {"Keys": left[:MAX_KEYS], "ConsistentRead": True}
            page = self.clients.call("dynamodb", "batch_get_item", RequestItems={self.name: wanted})
            yield from page.get("Responses", {}).get(self.name, [])
            missed = page.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
            left = missed + left[MAX_KEYS:]
            if missed:
                misses += 1
                if misses > MAX_MISSES:
                    raise Unavailable("the table is too busy to be read")
                pause = decorrelated(pause, PAUSE_LEAST, PAUSE_MOST)
                sleep(pause)

    def _call(self, operation: str, **request: Any) -> Response:
        return self.clients.call("dynamodb", operation, TableName=self.name, **request)


def _write(record: Record, token: str) -> dict[str, Any]:
    """A put under the condition that the stored version is the record's."""
    if record.version:
        condition, value = "#name = :value", {"N": str(record.version)}
        name = "version"
    else:
        condition = "attribute_not_exists(pk) OR #name <= :value"
        name, value = "expires_at", {"N": str(int(time()))}
    return {
        "Item": _item(record, token),
        "ConditionExpression": condition,
        "ExpressionAttributeNames": {"#name": name},
        "ExpressionAttributeValues": {":value": value},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }


def _item(record: Record, token: str) -> Item:
    index = record.index()
    strings = {
        "pk": record.pk,
        "sk": record.sk,
        "body": record.model_dump_json(),
        "write": token,
        "owner": index.owner,
        "batch": index.batch,
        "status": index.status,
    }
    numbers = {
        "version": record.version + 1,
        "due_shard": due_shard(record.pk) if index.due_at else None,
        "due_at": _seconds(index.due_at),
        "expires_at": math.ceil(_seconds(index.expires_at) or 0) or None,
        "announce": 1 if index.announce else None,
    }
    return {**_strings(**strings), **_numbers(**numbers)}


def _strings(**values: str | None) -> dict[str, Mapping[str, str]]:
    return {name: {"S": value} for name, value in values.items() if value is not None}


def _numbers(**values: float | None) -> dict[str, Mapping[str, str]]:
    return {name: {"N": repr(value)} for name, value in values.items() if value is not None}


def _seconds(moment: datetime | None) -> float | None:
    return moment.astimezone(UTC).timestamp() if moment else None


def _alive(item: Item) -> bool:
    """DynamoDB removes what has expired some days later; until then we do not see it.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ttl-expired-items.html
    """
    return "expires_at" not in item or float(item["expires_at"]["N"]) > time()


def _load(kind: type[R], item: Item) -> R:
    record = kind.model_validate_json(item["body"]["S"])
    return record.model_copy(update={"version": int(item["version"]["N"])})


def _lost_race(refused: Refused) -> bool:
    return refused.code == "ConditionalCheckFailedException"


def _kind(sk: str) -> type[Record]:
    return KINDS[sk.partition("#")[0]]


def _name(kind: type[Record]) -> str:
    return next(name for name, known in KINDS.items() if known is kind)
