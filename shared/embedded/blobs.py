"""A bucket in a folder, with signed URLs that the local front checks.

A blob is written to a temporary file, fsynced, renamed, and its folder fsynced: it is there whole,
or not at all, and still there after power loss when `put` has returned.
"""

import hmac
import mimetypes
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlencode

from shared.embedded.carrier import Carrier, Load
from shared.embedded.faults import told
from shared.embedded.folders import Folders
from shared.embedded.recovery import runs
from shared.embedded.scratch import Scratch
from shared.errors import Forbidden, Unavailable
from shared.ports import Blob, BlobInfo, Blobs, SignedPut
from shared.signing import get_expiry, put_expiry, window_start

MAX_PART_BYTES = 255
ODD = frozenset(("", ".", ".."))
ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)
"""What the system says where no such blob is."""


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
        self._root = str(folder)
        self._scratch = f"{folder}/.scratch"
        self._folders = Folders(str(folder.parent.parent))
        self._carrier = Carrier(self._folders)

    def path(self, key: str) -> Path:
        """Where the blob lies. A key that would leave the folder or is spelled oddly is refused."""
        return Path(self._place(key))

    def put(self, key: str, data: bytes, media_type: str) -> None:
        self.put_all([Blob(key, data, media_type)])

    def put_all(self, blobs: Sequence[Blob]) -> None:
        """In one go with what other threads store just now."""
        load = Load(self._scratch, [(self._place(blob.key), blob.data) for blob in blobs])
        with told():
            self._check_room()
            self._carrier.carry(load)

    @contextmanager
    def writer(self, key: str, once: bool = False) -> Iterator[IO[bytes]]:
        """A file that becomes the blob when the block ends well. With `once` an existing blob
        stays as it is and `Conflict` is raised."""
        target = self._place(key)
        with told():
            self._check_room()
            file = Scratch(self._scratch)
            try:
                with os.fdopen(file.descriptor, "wb", closefd=False) as opened:
                    yield opened
                file.sync()
                file.place(target, once)
            finally:
                file.discard()
            self._folders.sync(target.rpartition("/")[0])

    def get(self, key: str) -> bytes | None:
        with told(), suppress(*ABSENT):
            return self.path(key).read_bytes()
        return None

    def head(self, key: str) -> BlobInfo | None:
        path = self.path(key)
        with told(), suppress(*ABSENT):
            state = path.stat()
            return BlobInfo(key, state.st_size) if stat.S_ISREG(state.st_mode) else None
        return None

    def copy(self, key: str, source: Blobs, source_key: str) -> None:
        data = source.get(source_key)
        if data is not None:
            self.put(key, data, _media_type(key))

    def delete(self, key: str) -> None:
        path = self.path(key)
        with told(), suppress(*ABSENT):
            path.unlink()
        folder = path.parent
        kept = {self.folder, *(self.folder / prefix for prefix in self._prefixes)}
        while folder not in kept and _remove_empty(folder):
            folder = folder.parent
        with told():
            self._folders.sync_entries(str(folder))

    def keys(self, prefix: str) -> Iterator[str]:
        root = self.path(prefix)
        with told():
            folders = list(os.walk(root, onerror=_complain))
        files = sorted(Path(folder, name) for folder, _, names in folders for name in names)
        for path in files:
            if path.is_file():
                yield path.relative_to(self.folder).as_posix()

    def collect_garbage(self, nobody_writes: bool = False) -> None:
        """Remove what writers left behind whose process has ended: all, where nobody writes."""
        with told():
            for path in (self.folder / ".scratch").glob("*"):
                if nobody_writes or not runs(int(path.name.partition("-")[0])):
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
        asked = urlencode(sorted(given.items()))
        expected = self._signature("GET" if method == "HEAD" else method, key, asked)
        if not hmac.compare_digest(expected.encode(), query.get("signature", "").encode()):
            raise Forbidden("the signature does not fit", code="signature_mismatch")
        if now.timestamp() > int(given["expires"]):
            raise Forbidden("the URL has expired", code="url_expired")

    def _place(self, key: str) -> str:
        parts = key.removesuffix("/").split("/")
        unsafe = not ODD.isdisjoint(parts) or any(
            len(part) > MAX_PART_BYTES // 4 and len(os.fsencode(part)) > MAX_PART_BYTES
            for part in parts
        )
        if unsafe or "\0" in key or not self._holds(parts[0]):
            raise Forbidden(f"no blob can be called {key!r}")
        return f"{self._root}/{'/'.join(parts)}"

    def _holds(self, first: str) -> bool:
        return first in self._prefixes if self._prefixes else not first.startswith(".")

    def _signed(self, method: str, key: str, query: dict[str, str]) -> str:
        """The names of the query are in order, as `check` puts them."""
        asked = urlencode(query)
        signature = self._signature(method, key, asked)
        return f"{self._base}/{quote(key)}?{asked}&signature={signature}"

    def _signature(self, method: str, key: str, asked: str) -> str:
        text = "\n".join([method, self.bucket, key, asked])
        return hmac.digest(self._secret, text.encode(), "sha256").hex()

    def _check_room(self) -> None:
        if not self._reserve:
            return
        try:
            disk = os.statvfs(self._root)
        except FileNotFoundError:
            self.folder.mkdir(parents=True, exist_ok=True)
            disk = os.statvfs(self._root)
        if disk.f_bavail * disk.f_frsize < self._reserve:
            raise Unavailable("the disk is full", code="disk_full")


def _remove_empty(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def _complain(error: OSError) -> None:
    """A folder may go while we look; one that cannot be read must not pass for an empty one."""
    if not isinstance(error, ABSENT):
        raise error


def _media_type(key: str) -> str:
    return mimetypes.guess_type(key)[0] or "application/octet-stream"
