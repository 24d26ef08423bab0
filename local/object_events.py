"""Object-created events, as S3 writes them.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote_plus

from shared.system import OBJECTS, System


@dataclass(frozen=True)
class Created:
    """An object that has been stored whole."""

    key: str
    size: int
    sequencer: str
    etag: str = ""

    @property
    def tenant(self) -> str:
        """`uploads/<tenant>/…`, `drops/<tenant>/…`"""
        return self.key.split("/")[1]


def sequencer(state: os.stat_result) -> str:
    """Tells one content of a file from the next; the same for the same content, ever after."""
    return f"{state.st_mtime_ns:016X}{state.st_size:08X}"


def announce(system: System, created: Created) -> None:
    """Send the event to the queue that `ingest` reads; durable when it returns."""
    body = notification(created, system.settings.inbox_bucket, system.now())
    system.queue(OBJECTS).send(body, group=created.tenant)


def notification(created: Created, bucket: str, now: datetime) -> str:
    """The body of the message: an S3 event with one record, the key encoded as S3 does."""
    moment = now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "local",
        "eventTime": moment,
        "eventName": "ObjectCreated:Put",
        "userIdentity": {"principalId": created.tenant},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "atelier",
            "bucket": {
                "name": bucket,
                "ownerIdentity": {"principalId": "local"},
                "arn": f"arn:aws:s3:::{bucket}",
            },
            "object": {
                "key": quote_plus(created.key, safe="/"),
                "size": created.size,
                "eTag": created.etag,
                "sequencer": created.sequencer,
            },
        },
    }
    return json.dumps({"Records": [record]})
