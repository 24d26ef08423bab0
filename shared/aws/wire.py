"""The calls that every job needs, without the SDK's ceremony.

The SDK spends most of a millisecond of Python on a call, and a job makes seven. Here the same
request is written down, signed and sent by hand, for a fraction of that. What is answered well is
done with. Anything else (an error, no answer, one that is damaged) is left to the SDK, which makes
the call anew, with its retries and its words for errors: a call may take effect twice, as it may
there.
"""

import zlib
from base64 import b64encode
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from io import BytesIO
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import SplitResult, quote, urlsplit
from weakref import finalize

from pydantic_core import from_json, to_json

from shared.aws.connection import Answer, Connection, Strange
from shared.aws.signer import Signer

if TYPE_CHECKING:
    from shared.aws.clients import Clients

Request = Mapping[str, Any]
Response = dict[str, Any]
T = TypeVar("T")
Begun = Callable[[], T | None]

JSON = "application/x-amz-json-1.0"
TARGETS = {
    "get_item": "DynamoDB_20120810.GetItem",
    "batch_get_item": "DynamoDB_20120810.BatchGetItem",
    "put_item": "DynamoDB_20120810.PutItem",
    "send_message": "AmazonSQS.SendMessage",
    "receive_message": "AmazonSQS.ReceiveMessage",
    "change_message_visibility": "AmazonSQS.ChangeMessageVisibility",
    "change_message_visibility_batch": "AmazonSQS.ChangeMessageVisibilityBatch",
    "delete_message_batch": "AmazonSQS.DeleteMessageBatch",
}
ITEM_SUM, BLOB_SUM = "x-amz-crc32", "x-amz-checksum-crc32"
OK = 200
HTTP, HTTPS = 80, 443
UNSIGNED = "UNSIGNED-PAYLOAD"
"""Of a blob that goes through TLS, and with a checksum."""


@dataclass(frozen=True)
class Place:
    """Where a service, or a bucket, is reached."""

    service: str
    host: str
    """As a request names it."""
    address: tuple[str, int]
    secure: bool
    path: str
    signer: Signer


class Wire:
    """Connections to each host, kept for the calls of all threads."""

    def __init__(self, clients: "Clients") -> None:
        self._clients = clients
        self._places: dict[tuple[str, str], Place] = {}
        self._idle: defaultdict[str, deque[Connection]] = defaultdict(deque)
        finalize(self, _close, self._idle)

    def call(self, service: str, operation: str, request: Request) -> Response | None:
        """What was answered, or None where the call is the SDK's."""
        return self.begin(service, operation, request)()

    def begin(self, service: str, operation: str, request: Request) -> Begun[Response]:
        """Ask. What is returned waits for the answer, which may be None as above."""
        if operation in TARGETS:
            return self._post(service, TARGETS[operation], request)
        if operation == "put_object":
            return self._put(request)
        if operation == "get_object":
            return self._get(request)
        return _nothing

    def _post(self, service: str, target: str, request: Request) -> Begun[Response]:
        headers = {"content-type": JSON, "x-amz-target": target}
        body = to_json(request)
        digest = sha256(body).hexdigest()
        begun = self._ask(self._place(service), "POST", "/", headers, body, digest)
        return lambda: _content(begun())

    def _put(self, request: Request) -> Begun[Response]:
        """S3 keeps the checksum, and gives it with the blob."""
        headers = {
            "content-type": request["ContentType"],
            "x-amz-sdk-checksum-algorithm": request["ChecksumAlgorithm"],
            BLOB_SUM: _checksum(request["Body"]),
        }
        begun = self._ask_bucket("PUT", request, headers, request["Body"])
        return lambda: None if begun() is None else {}

    def _get(self, request: Request) -> Begun[Response]:
        begun = self._ask_bucket("GET", request, {"x-amz-checksum-mode": "ENABLED"}, b"")
        return lambda: _blob(begun())

    def _ask_bucket(
        self, method: str, request: Request, headers: Mapping[str, str], body: bytes
    ) -> Begun[Answer]:
        place = self._place("s3", request["Bucket"])
        path = "/" + quote(request["Key"], safe="/~")
        digest = UNSIGNED if body and place.secure else sha256(body).hexdigest()
        headers = {**headers, "x-amz-content-sha256": digest}
        return self._ask(place, method, path, headers, body, digest)

    def _ask(
        self,
        place: Place,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        digest: str,
    ) -> Begun[Answer]:
        path, headers = place.path + path, {**headers, "host": place.host}
        signed = place.signer.sign(self._clients.credentials(), method, path, headers, digest)
        try:
            connection = self._connection(place)
            connection.ask(method, path, signed, body)
        except (OSError, Strange):
            return _nothing
        return partial(self._answer, place, connection)

    def _answer(self, place: Place, connection: Connection) -> Answer | None:
        """The answer, if all is well with it."""
        try:
            answer = connection.answer()
        except (OSError, Strange):
            return None
        if connection.open:
            self._idle[place.host].append(connection)
        return answer if answer.status == OK else None

    def _connection(self, place: Place) -> Connection:
        try:
            return self._idle[place.host].pop()
        except IndexError:
            return self._connect(place)

    def _connect(self, place: Place) -> Connection:
        trust = self._clients.trust() if place.secure else None
        return Connection(*place.address, trust, self._clients.patience(place.service))

    def _place(self, service: str, bucket: str = "") -> Place:
        known = self._places.get((service, bucket))
        if known is None:
            url = self._clients.bucket_url(bucket) if bucket else self._clients.url(service)
            signer = Signer(service, self._clients.region)
            known = self._places[service, bucket] = _place(service, urlsplit(url), signer)
        return known


def _nothing() -> None:
    return None


def _content(answer: Answer | None) -> Response | None:
    if answer is None or answer.headers.get(ITEM_SUM) not in (None, str(zlib.crc32(answer.body))):
        return None
    try:
        found: Response = from_json(answer.body)
    except ValueError:
        return None
    return found


def _blob(answer: Answer | None) -> Response | None:
    if answer is None or answer.headers.get(BLOB_SUM) not in (None, _checksum(answer.body)):
        return None
    return {"Body": BytesIO(answer.body)}


def _place(service: str, url: SplitResult, signer: Signer) -> Place:
    secure = url.scheme == "https"
    address = str(url.hostname), url.port or (HTTPS if secure else HTTP)
    return Place(service, url.netloc, address, secure, url.path.rstrip("/"), signer)


def _checksum(data: bytes) -> str:
    return b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def _close(idle: Mapping[str, Iterable[Connection]]) -> None:
    for connections in idle.values():
        for connection in connections:
            connection.close()
