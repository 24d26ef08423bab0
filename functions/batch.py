"""Events of several records: those that fail come again, the others do not.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]


def answer(records: Sequence[Record], taken: Iterable[bool]) -> dict[str, Any]:
    """What Lambda is told of the records, of which these were taken."""
    failed = [record for record, good in zip(records, taken, strict=True) if not good]
    return {"batchItemFailures": [{"itemIdentifier": _identifier(record)} for record in failed]}


def _identifier(record: Record) -> str:
    """A message's id, or a stream record's place."""
    found = record.get("messageId") or record["dynamodb"]["SequenceNumber"]
    return str(found)
