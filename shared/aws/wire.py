"""The calls that every job needs, without the SDK's ceremony.

The SDK spends most of a millisecond of Python on a call, and a job makes about ten. Here the same
request is written down by hand, signed by the SDK's signer and sent over connections of the
standard library, for a third of that. What is answered well is done with. Anything else (an error,
no answer, one that is damaged) is left to the SDK, which makes the call anew, with its retries and
its words for errors: a call may take effect twice, as it may there.
"""

import zlib
from base64 import b64encode
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, quote, urlsplit
from weakref import finalize

from pydantic_core import from_json, to_json

if TYPE_CHECKING:
    from shared.aws.clients import Clients

Request = Mapping[str, Any]
Response = dict[str, Any]
Answer = tuple[HTTPResponse, bytes]

JSON = "application/x-amz-json-1.0"
TARGETS = {
    "get_item": "DynamoDB_20120810.GetItem",
    "put_item": "DynamoDB_20120810.PutItem",
    "send_message": "AmazonSQS.SendMessage",
    "receive_message": "AmazonSQS.ReceiveMessage",
    "change_message_visibility": "AmazonSQS.ChangeMessageVisibility",
    "delete_message_batch": "AmazonSQS.DeleteMessageBatch",
}
ITEM_SUM, BLOB_SUM = "x-amz-crc32", "x-amz-checksum-crc32"
OK = 200


class Wire:
    """Connections to each host, kept for the calls of all threads."""

    def __init__(self, clients: "Clients") -> None:
        self._clients = clients
        self._idle: defaultdict[str, deque[HTTPConnection]] = defaultdict(deque)
        finalize(self, _close, self._idle)

    def call(self, service: str, operation: str, request: Request) -> Response | None:
        """What was answered, or None where the call is the SDK's."""
        if operation in TARGETS:
            return self._post(service, TARGETS[operation], request)
        if operation == "put_object":
            return self._put(request)
        if operation == "get_object":
            return self._get(request)
        return None

    def _post(self, service: str, target: str, request: Request) -> Response | None:
        headers = {"Content-Type": JSON, "X-Amz-Target": target}
        url = self._clients.url(service) + "/"
        answer = self._ask(service, "POST", url, headers, to_json(request))
        if answer is None:
            return None
        response, data = answer
        whole = response.getheader(ITEM_SUM) in (None, str(zlib.crc32(data)))
        return _read(data) if whole else None

    def _put(self, request: Request) -> Response | None:
        """S3 keeps the checksum, and gives it with the blob."""
        headers = {
            "Content-Type": request["ContentType"],
            "x-amz-sdk-checksum-algorithm": request["ChecksumAlgorithm"],
            BLOB_SUM: _checksum(request["Body"]),
        }
        answer = self._ask("s3", "PUT", self._blob_url(request), headers, request["Body"])
        return None if answer is None else {}

    def _get(self, request: Request) -> Response | None:
        headers = {"x-amz-checksum-mode": "ENABLED"}
        answer = self._ask("s3", "GET", self._blob_url(request), headers, b"")
        if answer is None:
            return None
        response, data = answer
        whole = response.getheader(BLOB_SUM) in (None, _checksum(data))
        return {"Body": BytesIO(data)} if whole else None

    def _blob_url(self, request: Request) -> str:
        return f"{self._clients.bucket_url(request['Bucket'])}/{quote(request['Key'], safe='/~')}"

    def _ask(
        self, service: str, method: str, url: str, headers: Mapping[str, str], body: bytes
    ) -> Answer | None:
        """The answer, if all is well with it."""
        signed = self._clients.sign(service, method, url, headers, body)
        try:
            response, data = self._exchange(service, method, urlsplit(url), signed, body)
        except (OSError, HTTPException):
            return None
        return (response, data) if response.status == OK else None

    def _exchange(
        self, service: str, method: str, place: SplitResult, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        idle = self._idle[place.netloc]
        try:
            connection = idle.pop()
        except IndexError:
            connection = self._connect(service, place)
        try:
            connection.request(method, place.path, body or None, headers)
            response = connection.getresponse()
            data = response.read()
        except BaseException:
            connection.close()
            raise
        if connection.sock:  # the other side keeps it open
            idle.append(connection)
        return response, data

    def _connect(self, service: str, place: SplitResult) -> HTTPConnection:
        host, (connect, read) = str(place.hostname), self._clients.patience(service)
        if place.scheme == "https":
            trust = self._clients.trust()
            connection: HTTPConnection = HTTPSConnection(
                host, place.port, timeout=connect, context=trust
            )
        else:
            connection = HTTPConnection(host, place.port, timeout=connect)
        connection.connect()
        connection.sock.settimeout(read)
        return connection


def _read(data: bytes) -> Response | None:
    try:
        found: Response = from_json(data)
    except ValueError:
        return None
    return found


def _checksum(data: bytes) -> str:
    return b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def _close(idle: Mapping[str, Iterable[HTTPConnection]]) -> None:
    for connections in idle.values():
        for connection in connections:
            connection.close()
