"""A bucket in S3."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from shared.aws.clients import Clients, Refused, Response, translated
from shared.errors import Forbidden
from shared.ports import Blob, BlobInfo, Blobs, SignedPut
from shared.signing import GET_LIFE, PUT_LIFE, window_start

MAX_KEY_BYTES = 1024
PUTS_AT_ONCE = 16
"""From one thread; and threads of one bucket, each of which is started when it is first needed."""
SMALL_BYTES = 2**20
"""So much is sent in a moment: no thread is worth its while."""
MISSING = frozenset({"NoSuchKey", "404", "NotFound"})
"""S3 says so only to who may list the bucket; to others a missing key is forbidden."""


class S3Blobs:
    """`shared.ports.Blobs`"""

    def __init__(self, clients: Clients, bucket: str) -> None:
        self.clients = clients
        self.bucket = bucket
        self._putters = ThreadPoolExecutor(PUTS_AT_ONCE, thread_name_prefix="put")

    def put(self, key: str, data: bytes, media_type: str) -> None:
        """S3 refuses bytes that do not fit their checksum.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
        """
        self._put_together([Blob(key, data, media_type)])

    def put_all(self, blobs: Sequence[Blob]) -> None:
        """At the same time: the large ones each by a thread, but for the last of them, which goes
        with the small ones from this one. None is under way when it returns."""
        large = [blob for blob in blobs if len(blob.data) > SMALL_BYTES]
        small = [blob for blob in blobs if len(blob.data) <= SMALL_BYTES]
        puts = [self._putters.submit(self._put_together, [blob]) for blob in large[:-1]]
        own = [*large[-1:], *small]
        try:
            for first in range(0, len(own), PUTS_AT_ONCE):
                self._put_together(own[first : first + PUTS_AT_ONCE])
        finally:
            wait(puts)
        for put in puts:
            put.result()

    def _put_together(self, blobs: Sequence[Blob]) -> None:
        requests = [
            {
                "Bucket": self.bucket,
                "Key": blob.key,
                "Body": blob.data,
                "ContentType": blob.media_type,
                "ChecksumAlgorithm": "CRC32",
            }
            for blob in blobs
        ]
        self.clients.call_all("s3", "put_object", requests)

    def get(self, key: str) -> bytes | None:
        found = self._find("get_object", Key=key)
        if found is None:
            return None
        # Used as a context, the body hands out what is beneath it, which checks nothing.
        with translated(), closing(found["Body"]) as body:
            data: bytes = body.read()
        return data

    def head(self, key: str) -> BlobInfo | None:
        found = self._find("head_object", Key=key)
        return BlobInfo(key, found["ContentLength"]) if found else None

    def copy(self, key: str, source: Blobs, source_key: str) -> None:
        """What is not there is not copied."""
        if len(key.encode()) > MAX_KEY_BYTES:
            raise Forbidden(f"a key has {MAX_KEY_BYTES} bytes at most")
        if not isinstance(source, S3Blobs):
            raise TypeError(f"S3 copies from its own buckets only, not from {source!r}")
        self._find("copy_object", Key=key, CopySource={"Bucket": source.bucket, "Key": source_key})

    def delete(self, key: str) -> None:
        self._call("delete_object", Key=key)

    def keys(self, prefix: str) -> Iterator[str]:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html"""
        page = self._call("list_objects_v2", Prefix=prefix)
        yield from (found["Key"] for found in page.get("Contents", []))
        while token := page.get("NextContinuationToken"):
            page = self._call("list_objects_v2", Prefix=prefix, ContinuationToken=token)
            yield from (found["Key"] for found in page.get("Contents", []))

    def sign_put(self, key: str, media_type: str, size: int, now: datetime) -> SignedPut:
        """Every header is signed, so S3 takes this size and type only; `if-none-match: *` makes
        it refuse a second write.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        """
        headers = {
            "content-type": media_type,
            "content-length": str(size),
            "if-none-match": "*",
        }
        life = int(PUT_LIFE.total_seconds())
        return SignedPut(self.clients.presign("PUT", self._url(key), headers, now, life), headers)

    def sign_get(self, key: str, now: datetime, filename: str | None = None) -> str:
        """Signed as of the beginning of the window, which is all that makes it stay the same."""
        url = self._url(key)
        if filename:
            url += "?" + urlencode({"response-content-disposition": _attachment(filename)})
        life = int(GET_LIFE.total_seconds())
        return self.clients.presign("GET", url, {}, window_start(now), life)

    def _url(self, key: str) -> str:
        return f"{self.clients.bucket_url(self.bucket)}/{quote(key, safe='/~')}"

    def _find(self, operation: str, **request: Any) -> Response | None:
        try:
            return self._call(operation, **request)
        except Refused as refused:
            if refused.code in MISSING:
                return None
            raise

    def _call(self, operation: str, **request: Any) -> Response:
        return self.clients.call("s3", operation, Bucket=self.bucket, **request)


def _attachment(filename: str) -> str:
    """RFC 6266: the name in ASCII for old clients, then the name itself."""
    plain = "".join(
        c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in filename
    )
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
