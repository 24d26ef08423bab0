"""What only the folder of one machine has: names that could lead elsewhere, half-written files,
and signatures that it must check itself."""

import contextlib
import errno
import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from shared.embedded.blobs import FolderBlobs
from shared.errors import Conflict, Forbidden, Unavailable
from shared.signing import GET_LIFE, PUT_LIFE, WINDOW, window_start
from tests.contract.worlds import NOW

KEY = "uploads/ada/星 夜+.png"
ESCAPES = [
    "../secret",
    "ada/../../secret",
    "ada/..",
    "/etc/passwd",
    "//etc/passwd",
    "ada/\0.png",
    "",
    ".",
    ".scratch/0123",
    "ada/" + "星" * 86,
]


@pytest.fixture
def blobs(tmp_path: Path) -> FolderBlobs:
    (tmp_path / "secret").write_text("secret")
    return FolderBlobs(tmp_path / "artworks", "artworks", b"key", "http://127.0.0.1:8080")


class TestNames:
    @pytest.mark.parametrize("key", ESCAPES)
    def test_that_would_leave_the_folder_are_refused(self, blobs: FolderBlobs, key: str) -> None:
        for attempt in (
            lambda: blobs.get(key),
            lambda: blobs.head(key),
            lambda: blobs.put(key, b"x", "image/png"),
            lambda: blobs.delete(key),
            lambda: list(blobs.keys(key)),
            lambda: blobs.copy("ada/copy", blobs, key),
        ):
            with pytest.raises(Forbidden):
                attempt()
        assert (blobs.folder.parent / "secret").read_text() == "secret"

    def test_may_be_as_long_as_the_disk_allows(self, blobs: FolderBlobs) -> None:
        key = "ada/" + "星" * 85
        blobs.put(key, b"x", "image/png")
        assert list(blobs.keys("ada/")) == [key]

    @pytest.mark.parametrize("first", ["ada/a", "ada/a/b"])
    def test_of_a_blob_and_of_a_folder_are_not_the_same(
        self, blobs: FolderBlobs, first: str
    ) -> None:
        """Whoever comes second is told so for good, and not that the disk is at fault."""
        blobs.put(first, b"first", "image/png")
        for second in {"ada/a", "ada/a/b", "ada/a/b/c"} - {first}:
            with pytest.raises(Forbidden):
                blobs.put(second, b"second", "image/png")
        assert blobs.get(first) == b"first"

    def test_of_other_prefixes_are_refused(self, tmp_path: Path) -> None:
        inbox = FolderBlobs(tmp_path, "inbox", b"key", "http://x", prefixes=("uploads", "drops"))
        inbox.put("drops/ada/b/a.jpg", b"x", "image/jpeg")
        for key in ("atelier.db", "secret", "artworks/ada/job/0.png", "uploads/../secret"):
            with pytest.raises(Forbidden):
                inbox.get(key)


class TestHalfWritten:
    def test_files_never_show(self, blobs: FolderBlobs) -> None:
        with contextlib.suppress(ZeroDivisionError), blobs.writer(KEY) as file:
            file.write(b"half")
            file.flush()
            assert blobs.get(KEY) is None
            assert list(blobs.keys("uploads/")) == []
            _ = 1 // 0
        assert blobs.head(KEY) is None
        assert not any((blobs.folder / ".scratch").iterdir())

    def test_files_say_why(self, blobs: FolderBlobs) -> None:
        """A client that is too slow is not a disk that fails."""
        with pytest.raises(TimeoutError), blobs.writer(KEY):
            raise TimeoutError
        with pytest.raises(Unavailable) as failed, blobs.writer(KEY):
            raise OSError(errno.ENOSPC, "No space left on device")
        assert failed.value.code == "disk_full"

    def test_files_leave_the_old_blob_as_it_was(self, blobs: FolderBlobs) -> None:
        blobs.put(KEY, b"whole", "image/png")
        with contextlib.suppress(ZeroDivisionError), blobs.writer(KEY) as file:
            file.write(b"half")
            _ = 1 // 0
        assert blobs.get(KEY) == b"whole"

    def test_files_survive_the_deletion_of_their_neighbour(self, blobs: FolderBlobs) -> None:
        """The neighbour was the last in its folder, which goes with it."""
        blobs.put("uploads/ada/1", b"old", "image/png")
        with blobs.writer("uploads/ada/2") as file:
            file.write(b"new")
            blobs.delete("uploads/ada/1")
        assert blobs.get("uploads/ada/2") == b"new"


class TestGarbage:
    def test_of_dead_writers_is_removed_and_that_of_the_living_is_not(
        self, blobs: FolderBlobs
    ) -> None:
        with subprocess.Popen(["true"]) as dead:
            dead.wait()
        with blobs.writer(KEY) as file:
            file.write(b"whole")
            left = blobs.folder / ".scratch" / f"{dead.pid}-0123"
            left.write_bytes(b"half")
            blobs.collect_garbage()
            assert not left.exists()
        assert blobs.get(KEY) == b"whole"


class TestOnce:
    def test_a_second_writer_loses(self, blobs: FolderBlobs) -> None:
        with blobs.writer(KEY, once=True) as file:
            file.write(b"first")
        with pytest.raises(Conflict) as refused, blobs.writer(KEY, once=True) as file:
            file.write(b"second")
        assert refused.value.code == "already_uploaded"
        assert blobs.get(KEY) == b"first"

    def test_of_many_writers_at_once_one_wins(self, blobs: FolderBlobs) -> None:
        start = Barrier(8)

        def write(number: int) -> int | None:
            start.wait(30)
            try:
                with blobs.writer(KEY, once=True) as file:
                    file.write(str(number).encode())
            except Conflict:
                return None
            return number

        with ThreadPoolExecutor(8) as pool:
            winners = [number for number in pool.map(write, range(8)) if number is not None]
        assert [str(number).encode() for number in winners] == [blobs.get(KEY)]
        assert not any((blobs.folder / ".scratch").iterdir())


class TestSignatures:
    def parts(self, url: str) -> tuple[str, dict[str, str]]:
        """The key and the query, as the front hands them to `check`."""
        split = urlsplit(url)
        key = unquote(split.path).removeprefix("/blobs/artworks/")
        return key, dict(parse_qsl(split.query))

    def test_let_through_what_was_signed(self, blobs: FolderBlobs) -> None:
        key, query = self.parts(blobs.sign_put(KEY, "image/png", 9, NOW).url)
        assert key == KEY
        blobs.check("PUT", key, query, NOW + PUT_LIFE)
        key, query = self.parts(blobs.sign_get(KEY, NOW, '星 "夜".png'))
        blobs.check("GET", key, query, NOW)
        blobs.check("HEAD", key, query, NOW)

    @pytest.mark.parametrize("name", ["expires", "size", "type", "signature"])
    def test_let_nothing_through_that_was_changed(self, blobs: FolderBlobs, name: str) -> None:
        _, query = self.parts(blobs.sign_put(KEY, "image/png", 9, NOW).url)
        for changed in ({**query, name: query[name] + "0"}, {**query, name: ""}):
            with pytest.raises(Forbidden) as refused:
                blobs.check("PUT", KEY, changed, NOW)
            assert refused.value.code == "signature_mismatch"
        with pytest.raises(Forbidden):
            blobs.check("PUT", KEY, {n: v for n, v in query.items() if n != name}, NOW)

    @pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "POST"])
    def test_are_good_for_their_method_only(self, blobs: FolderBlobs, method: str) -> None:
        _, query = self.parts(blobs.sign_put(KEY, "image/png", 9, NOW).url)
        with pytest.raises(Forbidden):
            blobs.check(method, KEY, query, NOW)

    def test_are_good_for_their_bucket_and_key_only(self, blobs: FolderBlobs) -> None:
        _, query = self.parts(blobs.sign_get(KEY, NOW))
        with pytest.raises(Forbidden):
            blobs.check("GET", KEY + "2", query, NOW)
        inbox = FolderBlobs(blobs.folder, "inbox", b"key", "http://127.0.0.1:8080")
        with pytest.raises(Forbidden):
            inbox.check("GET", KEY, query, NOW)

    def test_cannot_be_put_together_from_parts_of_others(self, blobs: FolderBlobs) -> None:
        """What is signed is unambiguous: a separator in a value is not one between values."""
        _, query = self.parts(blobs.sign_get("a", NOW, "b&size=1"))
        with pytest.raises(Forbidden):
            blobs.check("GET", "a", {**query, "filename": "b", "size": "1"}, NOW)

    def test_die(self, blobs: FolderBlobs) -> None:
        _, query = self.parts(blobs.sign_put(KEY, "image/png", 9, NOW).url)
        with pytest.raises(Forbidden) as refused:
            blobs.check("PUT", KEY, query, NOW + PUT_LIFE + timedelta(seconds=1))
        assert refused.value.code == "url_expired"
        start = window_start(NOW)
        _, query = self.parts(blobs.sign_get(KEY, start + WINDOW - timedelta(seconds=1)))
        blobs.check("GET", KEY, query, start + GET_LIFE)
        with pytest.raises(Forbidden):
            blobs.check("GET", KEY, query, start + GET_LIFE + timedelta(seconds=1))
