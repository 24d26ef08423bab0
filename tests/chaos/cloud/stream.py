"""The table's stream: what its filter lets through goes to `notify`, as Lambda's event source
mapping does it."""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from zlib import crc32

from local.envelopes import failures
from local.http_events import Context, Handler
from shared.aws.clients import Clients

logger = logging.getLogger("pump")

Record = dict[str, Any]

PAGE = 200
BATCH = 25
PARALLEL = 4
RETRIES = 5
"""As in the template; what fails more often is left to `sweep`."""
IDLE_SECONDS = 0.25
FIRST_BACKOFF = 0.5


class Stream:
    """Where a table's stream has been read to, in a file: AWS remembers it for a mapping."""

    def __init__(self, clients: Clients, table: str, notify: Handler, read_to: Path) -> None:
        self._clients, self._table, self._notify, self._read_to = clients, table, notify, read_to
        self._threads = ThreadPoolExecutor(PARALLEL, "notify")
        self._iterator: str | None = None

    def turn(self) -> None:
        """Tell of the next page of changes, or wait a moment for one."""
        try:
            page = self._call("get_records", ShardIterator=self._place(), Limit=PAGE)
            self._tell([record for record in page["Records"] if self.passes(record)])
        except Exception:
            self._iterator = None
            raise
        if page["Records"]:
            self._read_to.write_text(page["Records"][-1]["dynamodb"]["SequenceNumber"])
        else:
            time.sleep(IDLE_SECONDS)
        self._iterator = page["NextShardIterator"]

    def arn(self) -> str:
        """Which stream it is."""
        described = self._clients.call("dynamodb", "describe_table", TableName=self._table)
        return str(described["Table"]["LatestStreamArn"])

    def passes(self, record: Record) -> bool:
        """The filter of the template: jobs that have ended and are not announced."""
        image = record["dynamodb"].get("NewImage", {})
        announced = image.get("sk") == {"S": "job"} and image.get("announce") == {"N": "1"}
        return record["eventName"] in ("INSERT", "MODIFY") and announced

    def _place(self) -> str:
        """Where to read on: after what was told last, or from the beginning."""
        if self._iterator is None:
            arn = self.arn()
            stream = self._call("describe_stream", StreamArn=arn)
            (shard,) = stream["StreamDescription"]["Shards"]
            where = self._where()
            found = self._call(
                "get_shard_iterator", StreamArn=arn, ShardId=shard["ShardId"], **where
            )
            self._iterator = found["ShardIterator"]
        return str(self._iterator)

    def _where(self) -> dict[str, str]:
        if not self._read_to.exists():
            return {"ShardIteratorType": "TRIM_HORIZON"}
        told = self._read_to.read_text()
        return {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": told}

    def _call(self, operation: str, **request: Any) -> Any:
        return self._clients.call("dynamodbstreams", operation, **request)

    def _tell(self, records: list[Record]) -> None:
        """Side by side, but the changes of one item in their order."""
        lanes: list[list[Record]] = [[] for _ in range(PARALLEL)]
        for record in records:
            lanes[crc32(key(record).encode()) % PARALLEL].append(record)
        list(self._threads.map(self._tell_in_order, lanes))

    def _tell_in_order(self, records: list[Record]) -> None:
        for batch in batches(records):
            left, tries = batch, 0
            while left := left[self._taken(left) :]:
                tries += 1
                if tries > RETRIES:
                    logger.warning("given up", extra={"records": len(left)})
                    break
                time.sleep(FIRST_BACKOFF * tries)

    def _taken(self, batch: list[Record]) -> int:
        """How many of these the function took before the first that it failed to take."""
        try:
            failed = failures(self._notify({"Records": batch}, Context("atelier-notify", "stream")))
        except Exception:
            logger.exception("notify failed")
            return 0
        return next((i for i, record in enumerate(batch) if number(record) in failed), len(batch))


def batches(records: list[Record]) -> Iterator[list[Record]]:
    """As many as one invocation takes."""
    return (records[start : start + BATCH] for start in range(0, len(records), BATCH))


def key(record: Record) -> str:
    """The changed item's partition."""
    return str(record["dynamodb"]["Keys"]["pk"]["S"])


def number(record: Record) -> str:
    """What a partial failure names."""
    return str(record["dynamodb"]["SequenceNumber"])
