"""A bucket in a folder, with signed URLs that the local front checks.

A blob is written to a temporary file, fsynced, renamed, and its folder fsynced: it is there whole,
or not at all, and still there after power loss when `put` has returned.
"""

import hmac
import mimetypes
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlencode

from shared.errors import Conflict, Forbidden, Unavailable
from shared.ports import BlobInfo, Blobs, SignedPut
from shared.signing import get_expiry, put_expiry, window_start

MAX_PART_BYTES = 255
SCRATCH_SECONDS = 24 * 3600
PUBLISH_TRIES = 10


class FolderBlobs:
    """`shared.ports.Blobs`, and the other side of its signed URLs."""

    def __init__(
        self,
        folder: Path,
        bucket: str,
        secret: bytes,
        public_url: str,
        reserve: int = 0,
        prefixes: tuple[str, ...] = (),
    ) -> None:
        """`reserve` MiB of the disk stay free; the bucket holds `prefixes` only, if any."""
        self.folder = folder
        self._prefixes = prefixes
        self.bucket = bucket
        self._secret = secret
        self._base = f"{public_url}/blobs/{bucket}"
        self._reserve = reserve * 2**20

    def path(self, key: str) -> Path:
        """Where the blob lies. A key that would leave the folder or is spelled oddly is refused."""
        parts = key.removesuffix("/").split("/")
        unsafe = any(
            part in ("", ".", "..") or len(os.fsencode(part)) > MAX_PART_BYTES for part in parts
        )
        if unsafe or "\0" in key or not self._holds(parts[0]):
            raise Forbidden(f"no blob can be called {key!r}")
        return self.folder.joinpath(*parts)

    def put(self, key: str, data: bytes, media_type: str) -> None:
        with self.writer(key) as file:
            file.write(data)

    @contextmanager
    def writer(self, key: str, once: bool = False) -> Iterator[IO[bytes]]:
        """A file that becomes the blob when the block ends well. With `once` an existing blob
        stays as it is and `Conflict` is raised."""
        target = self.path(key)
        self._check_room()
        scratch = self.folder / ".scratch"
        scratch.mkdir(parents=True, exist_ok=True)
        temporary = scratch / secrets.token_hex(12)
        try:
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            _publish(temporary, target, once)
        except OSError as error:
            if error.errno is None:
                raise  # not the disk's: `TimeoutError` is an `OSError` too
            raise Unavailable(f"the disk refuses: {error.strerror}", code="disk_failed") from error
        finally:
            temporary.unlink(missing_ok=True)
        self._sync_folders(target.parent)

    def get(self, key: str) -> bytes | None:
        try:
            return self.path(key).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def head(self, key: str) -> BlobInfo | None:
        path = self.path(key)
        return BlobInfo(key, path.stat().st_size) if path.is_file() else None

    def copy(self, key: str, source: Blobs, source_key: str) -> None:
        data = source.get(source_key)
        if data is not None:
            self.put(key, data, _media_type(key))

    def delete(self, key: str) -> None:
        path = self.path(key)
        with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
            path.unlink()
        for folder in path.parents:
            if folder == self.folder or not _remove_empty(folder):
                return

    def keys(self, prefix: str) -> Iterator[str]:
        root = self.path(prefix)
        for path in sorted(root.rglob("*")):
            if path.is_file():
                yield path.relative_to(self.folder).as_posix()

    def collect_garbage(self) -> None:
        """Remove what writers left behind that were killed, a day or more ago."""
        long_ago = time.time() - SCRATCH_SECONDS
        for path in (self.folder / ".scratch").glob("*"):
            if path.stat().st_mtime < long_ago:
                path.unlink(missing_ok=True)

    def sign_put(self, key: str, media_type: str, size: int, now: datetime) -> SignedPut:
        expires = int(put_expiry(now).timestamp())
        query = {"expires": str(expires), "size": str(size), "type": media_type}
        headers = {
            "content-type": media_type,
            "content-length": str(size),
            "if-none-match": "*",
        }
        return SignedPut(self._signed("PUT", key, query), headers)

    def sign_get(self, key: str, now: datetime, filename: str | None = None) -> str:
        query = {"expires": str(int(get_expiry(window_start(now)).timestamp()))}
        if filename:
            query["filename"] = filename
        return self._signed("GET", key, query)

    def check(self, method: str, key: str, query: Mapping[str, str], now: datetime) -> None:
        """Raise `Forbidden` unless the query signs exactly this and has not expired."""
        given = {name: value for name, value in query.items() if name != "signature"}
        expected = self._signature("GET" if method == "HEAD" else method, key, given)
        if not hmac.compare_digest(expected.encode(), query.get("signature", "").encode()):
            raise Forbidden("the signature does not fit", code="signature_mismatch")
        if now.timestamp() > int(given["expires"]):
            raise Forbidden("the URL has expired", code="url_expired")

    def _holds(self, first: str) -> bool:
        return first in self._prefixes if self._prefixes else not first.startswith(".")

    def _signed(self, method: str, key: str, query: dict[str, str]) -> str:
        signature = self._signature(method, key, query)
        return f"{self._base}/{quote(key)}?{urlencode({**query, 'signature': signature})}"

    def _signature(self, method: str, key: str, query: Mapping[str, str]) -> str:
        text = "\n".join([method, self.bucket, key, urlencode(sorted(query.items()))])
        return hmac.new(self._secret, text.encode(), sha256).hexdigest()

    def _check_room(self) -> None:
        if not self._reserve:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        disk = os.statvfs(self.folder)
        if disk.f_bavail * disk.f_frsize < self._reserve:
            raise Unavailable("the disk is full", code="disk_full")

    def _sync_folders(self, folder: Path) -> None:
        """Each folder on the way up, to the one that holds the bucket's own: any may have been made
        just now, by us or by another."""
        while folder != self.folder.parent.parent:
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            folder = folder.parent


def _publish(temporary: Path, target: Path, once: bool) -> None:
    """Its folder is made anew when the last blob beside it is deleted at this very moment."""
    place = os.link if once else os.replace
    for _ in range(PUBLISH_TRIES):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            return place(temporary, target)
        except FileExistsError:
            raise Conflict("these bytes were sent already", code="already_uploaded") from None
        except FileNotFoundError:
            continue
    raise Unavailable(f"the folder of {target.name} is removed again and again")


def _remove_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def _media_type(key: str) -> str:
    return mimetypes.guess_type(key)[0] or "application/octet-stream"
