"""The promises of `shared.ports.Blobs`."""

import pytest

from shared.ports import Blob, BlobInfo
from tests.contract.worlds import World

NAMES = ["a.jpg", "my photo.jpg", "a+b.jpg", "星夜.jpg", "100%.jpg", "a&b=c?.jpg", "~ü'().jpg"]


@pytest.mark.parametrize("name", NAMES)
class TestAnyName:
    def test_is_kept_and_found(self, world: World, name: str) -> None:
        key = f"drops/ada/夏 a+b/{name}"
        world.system.inbox.put(key, b"bytes", "image/jpeg")
        assert world.system.inbox.get(key) == b"bytes"
        assert world.system.inbox.head(key) == BlobInfo(key, 5)
        assert list(world.system.inbox.keys("drops/ada/夏 a+b/")) == [key]

    def test_is_copied_and_deleted(self, world: World, name: str) -> None:
        blobs = world.system.artworks
        blobs.put(f"ada/job/{name}", b"bytes", "image/jpeg")
        blobs.copy(f"mirror/ada/{name}", blobs, f"ada/job/{name}")
        blobs.delete(f"ada/job/{name}")
        assert blobs.get(f"ada/job/{name}") is None
        assert blobs.get(f"mirror/ada/{name}") == b"bytes"


class TestBytes:
    def test_come_back_as_they_were_put(self, world: World) -> None:
        data = bytes(range(256)) * 5000
        world.system.artworks.put("ada/job/0-x.png", data, "image/png")
        assert world.system.artworks.get("ada/job/0-x.png") == data

    def test_may_be_none_at_all(self, world: World) -> None:
        world.system.artworks.put("ada/job/empty.txt", b"", "text/plain")
        assert world.system.artworks.get("ada/job/empty.txt") == b""
        assert world.system.artworks.head("ada/job/empty.txt") == BlobInfo("ada/job/empty.txt", 0)

    def test_put_twice_are_there_once(self, world: World) -> None:
        for _ in range(2):
            world.system.artworks.put("ada/job/0-x.png", b"same", "image/png")
        assert list(world.system.artworks.keys("ada/job/")) == ["ada/job/0-x.png"]

    def test_that_are_not_there_are_none(self, world: World) -> None:
        blobs = world.system.artworks
        blobs.put("ada/job/0-x.png", b"bytes", "image/png")
        for key in ("ada/job/1-x.png", "ada/job", "eve/0-x.png", "ada/job/0-x.png/deeper"):
            assert blobs.get(key) is None
            assert blobs.head(key) is None
            blobs.delete(key)
        assert list(blobs.keys("eve/")) == []
        assert blobs.get("ada/job/0-x.png") == b"bytes"


class TestSeveralAtOnce:
    BLOBS = (
        Blob("ada/job-1/0.png", b"picture", "image/png"),
        Blob("ada/job-1/0.json", b"{}", "application/json"),
        Blob("ada/job-2/0.png", bytes(range(256)) * 5000, "image/png"),
        Blob("eve/job-3/empty.txt", b"", "text/plain"),
    )

    def test_are_all_there(self, world: World) -> None:
        world.system.artworks.put_all(self.BLOBS)
        for blob in self.BLOBS:
            assert world.system.artworks.get(blob.key) == blob.data

    def test_can_be_put_again_and_be_none(self, world: World) -> None:
        for _ in range(2):
            world.system.artworks.put_all(self.BLOBS[:2])
        world.system.artworks.put_all([])
        keys = list(world.system.artworks.keys("ada/"))
        assert sorted(keys) == ["ada/job-1/0.json", "ada/job-1/0.png"]


class TestCopy:
    def test_crosses_buckets_and_can_be_repeated(self, world: World) -> None:
        world.system.inbox.put("drops/ada/b/a.jpg", b"bytes", "image/jpeg")
        for _ in range(2):
            world.system.artworks.copy("mirror/ada/a.jpg", world.system.inbox, "drops/ada/b/a.jpg")
        assert world.system.artworks.get("mirror/ada/a.jpg") == b"bytes"

    def test_of_what_is_not_there_makes_nothing(self, world: World) -> None:
        world.system.artworks.copy("mirror/ada/a.jpg", world.system.artworks, "ada/job/gone.jpg")
        assert world.system.artworks.get("mirror/ada/a.jpg") is None


class TestKeys:
    def test_are_those_under_the_prefix_only(self, world: World) -> None:
        blobs = world.system.artworks
        mine = ["ada/job-1/0-x.png", "ada/job-1/deep/er.txt"]
        for key in (*mine, "ada/job-10/0-x.png", "ada/job-2/0-x.png", "eve/job-1/0-x.png"):
            blobs.put(key, b"x", "image/png")
        assert sorted(blobs.keys("ada/job-1/")) == mine

    def test_can_be_deleted_while_they_are_listed(self, world: World) -> None:
        blobs = world.system.artworks
        for number in range(5):
            blobs.put(f"ada/job/{number}.png", b"x", "image/png")
        for key in blobs.keys("ada/job/"):
            blobs.delete(key)
        assert list(blobs.keys("ada/job/")) == []


@pytest.mark.slow
@pytest.mark.parametrize("world", ["ministack"], indirect=True)
def test_more_keys_than_one_page_holds(world: World) -> None:
    keys = [f"ada/job/{number:04}.txt" for number in range(1005)]
    for key in keys:
        world.system.artworks.put(key, b"", "text/plain")
    assert list(world.system.artworks.keys("ada/job/")) == keys
