"""The events that AWS would send to the functions behind queues, streams and schedules."""

import hashlib
import time
import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from shared.embedded.table import Announcement
from shared.ports import Letter

Event = dict[str, Any]
ACCOUNT = "000000000000"


def sqs_event(queue: str, letters: Iterable[Letter]) -> Event:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
    return {"Records": [_sqs_record(queue, letter) for letter in letters]}


def message_id(queue: str, letter: Letter) -> str:
    """The same for every receipt of a letter, whose handle starts with its number."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{queue}/{letter.handle.partition('.')[0]}"))


def _sqs_record(queue: str, letter: Letter) -> Event:
    milliseconds = str(int(time.time() * 1000))
    return {
        "messageId": message_id(queue, letter),
        "receiptHandle": letter.handle,
        "body": letter.body,
        "attributes": {
            "ApproximateReceiveCount": str(letter.receives),
            "SentTimestamp": milliseconds,
            "SenderId": ACCOUNT,
            "ApproximateFirstReceiveTimestamp": milliseconds,
            "MessageGroupId": letter.group,
        },
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(letter.body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:local:{ACCOUNT}:{queue}",
        "awsRegion": "local",
    }


def stream_event(table: str, announcements: Iterable[Announcement]) -> Event:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"""
    return {"Records": [_stream_record(table, one) for one in announcements]}


def sequence_number(announcement: Announcement) -> str:
    """What a partial failure names."""
    return f"{announcement.seq:021d}"


def _stream_record(table: str, announcement: Announcement) -> Event:
    keys = {"pk": {"S": announcement.pk}, "sk": {"S": announcement.sk}}
    return {
        "eventID": uuid.uuid5(uuid.NAMESPACE_OID, sequence_number(announcement)).hex,
        "eventName": "INSERT" if announcement.version == 1 else "MODIFY",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "local",
        "dynamodb": {
            "ApproximateCreationDateTime": int(time.time()),
            "Keys": keys,
            "NewImage": {
                **keys,
                "version": {"N": str(announcement.version)},
                "body": {"S": announcement.body},
                "announce": {"N": "1"},
            },
            "SequenceNumber": sequence_number(announcement),
            "SizeBytes": len(announcement.body),
            "StreamViewType": "NEW_IMAGE",
        },
        "eventSourceARN": f"arn:aws:dynamodb:local:{ACCOUNT}:table/{table}/stream/local",
    }


def schedule_event(rule: str, now: datetime) -> Event:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-eventbridge-scheduler.html"""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": "local",
        "resources": [f"arn:aws:events:local:{ACCOUNT}:rule/{rule}"],
        "detail": {},
    }


def failures(response: Any) -> set[str]:
    """The identifiers that a partial batch response names."""
    entries = (response or {}).get("batchItemFailures") or []
    return {str(entry["itemIdentifier"]) for entry in entries}
