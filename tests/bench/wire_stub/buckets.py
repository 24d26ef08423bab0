"""The stub's S3: blobs under their paths."""

import zlib
from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from tests.bench.wire_stub.message import Answer, Request

SUM = "x-amz-checksum-crc32"
MISSING = Answer(404, b"<Error><Code>NoSuchKey</Code><Message/></Error>")
DAMAGED = Answer(400, b"<Error><Code>BadDigest</Code><Message/></Error>")
UNKNOWN = Answer(501, b"<Error><Code>NotImplemented</Code><Message/></Error>")


@dataclass(frozen=True)
class Blob:
    """Bytes, and their checksum where one came with them."""

    data: bytes
    media_type: str
    checksum: str | None


class Buckets:
    """Every bucket there may be."""

    def __init__(self) -> None:
        self._blobs: dict[str, Blob] = {}

    def answer(self, request: Request) -> Answer:
        if "list-type" in request.target:
            return self._list(request)
        match request.method:
            case "PUT":
                return self._put(request)
            case "GET" | "HEAD":
                return self._get(request)
            case "DELETE":
                self._blobs.pop(request.path, None)
                return Answer(204)
        return UNKNOWN

    def _list(self, request: Request) -> Answer:
        """Every key under the prefix, on one page."""
        (prefix,) = parse_qs(request.target.partition("?")[2])["prefix"]
        bucket = request.path.rstrip("/") + "/"
        keys = [path.removeprefix(bucket) for path in self._blobs if path.startswith(bucket)]
        found = [
            f"<Contents><Key>{escape(k)}</Key></Contents>" for k in keys if k.startswith(prefix)
        ]
        text = f"<ListBucketResult>{''.join(found)}</ListBucketResult>"
        return Answer(200, text.encode(), {"Content-Type": "application/xml"})

    def _put(self, request: Request) -> Answer:
        data, checksum = bytes(request.body), request.headers.get(SUM)
        if checksum and checksum != b64encode(zlib.crc32(data).to_bytes(4, "big")).decode():
            return DAMAGED
        media_type = request.headers.get("content-type", "binary/octet-stream")
        self._blobs[request.path] = Blob(data, media_type, checksum)
        return Answer(200, b"", {"ETag": '"etag"', **({SUM: checksum} if checksum else {})})

    def _get(self, request: Request) -> Answer:
        blob = self._blobs.get(request.path)
        if blob is None:
            return MISSING
        headers = {"Content-Type": blob.media_type, "ETag": '"etag"'}
        if blob.checksum and request.headers.get("x-amz-checksum-mode") == "ENABLED":
            headers |= {SUM: blob.checksum, "x-amz-checksum-type": "FULL_OBJECT"}
        return Answer(200, blob.data, headers)
