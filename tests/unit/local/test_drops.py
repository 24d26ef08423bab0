"""The drop folder: what is taken, when, and how often."""

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pytest

from local import drops as module
from local.drops import Drops, ignored
from local.marks import Marks
from shared.system import OBJECTS, System


@pytest.fixture
def folder(system: System) -> Path:
    assert system.settings.data
    batch = system.settings.data / "drops" / "local" / "spring"
    batch.mkdir(parents=True)
    return batch


@pytest.fixture
def drops(system: System, folder: Path) -> Drops:
    return Drops(system)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STABLE_SECONDS", 0.0)


def keys(system: System) -> list[str]:
    """Of the events that wait, in order; they are taken from the queue."""
    found = []
    while letters := system.queue(OBJECTS).receive(10, 60):
        for letter in letters:
            found.append(created(letter.body)["key"])
            system.queue(OBJECTS).delete(letter)
    return [unquote_plus(key) for key in found]


def created(body: str) -> dict[str, Any]:
    (record,) = json.loads(body)["Records"]
    stored: dict[str, Any] = record["s3"]["object"]
    return stored


@contextmanager
def running(drops: Drops) -> Iterator[None]:
    """The pump's thread, with notices."""
    stopping = threading.Event()

    def turn() -> None:
        while not stopping.is_set():
            drops._next_scan = min(drops._next_scan, time.monotonic() + 0.2)
            drops.turn()

    with drops.watching():
        thread = threading.Thread(target=turn)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()


def wait_for_keys(system: System, count: int, seconds: float = 8) -> list[str]:
    end = time.monotonic() + seconds
    found: list[str] = []
    while len(found) < count and time.monotonic() < end:
        found += keys(system)
        time.sleep(0.02)
    return found


def test_names_are_encoded_as_s3_does(system: System, drops: Drops, folder: Path) -> None:
    (folder / "a b+c 画.jpg").write_bytes(b"x")
    drops._take("drops/local/spring/a b+c 画.jpg")

    (letter,) = system.queue(OBJECTS).receive(1, 1)

    stored = created(letter.body)
    assert stored["key"] == "drops/local/spring/a+b%2Bc+%E7%94%BB.jpg"
    assert stored["size"] == 1
    assert letter.group == "local"


@pytest.mark.usefixtures("impatient")
def test_all_that_is_there_is_taken_once(system: System, drops: Drops, folder: Path) -> None:
    (folder / "a.jpg").write_bytes(b"a")
    (folder / "inner").mkdir()
    (folder / "inner" / "b.jpg").write_bytes(b"b")

    for _ in range(3):
        drops.scan()

    assert keys(system) == ["drops/local/spring/a.jpg", "drops/local/spring/inner/b.jpg"]


@pytest.mark.usefixtures("impatient")
def test_what_was_taken_is_known_after_a_restart(
    system: System, drops: Drops, folder: Path
) -> None:
    (folder / "a.jpg").write_bytes(b"a")
    drops.scan()
    keys(system)

    Drops(system).scan()

    assert keys(system) == []


@pytest.mark.usefixtures("impatient")
def test_changed_file_is_taken_again_with_another_sequencer(
    system: System, drops: Drops, folder: Path
) -> None:
    sequencers = set()
    for content in (b"first", b"second"):
        (folder / "a.jpg").write_bytes(content)
        drops.scan()
        (letter,) = system.queue(OBJECTS).receive(1, 60)
        sequencers.add(created(letter.body)["sequencer"])

    assert len(sequencers) == 2


@pytest.mark.usefixtures("impatient")
def test_file_that_was_removed_and_came_back_is_taken(
    system: System, drops: Drops, folder: Path
) -> None:
    original = folder / "a.jpg"
    original.write_bytes(b"a")
    drops.scan()
    shutil.move(original, folder.parent / "kept")
    drops.scan()
    shutil.move(folder.parent / "kept", original)
    drops.scan()

    assert len(keys(system)) == 2


def test_file_that_still_grows_is_left(
    system: System, drops: Drops, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STABLE_SECONDS", 0.05)
    for size in range(1, 4):
        (folder / "a.jpg").write_bytes(b"a" * size)
        drops.scan()
        time.sleep(0.06)
    assert keys(system) == []

    drops.scan()

    assert keys(system) == ["drops/local/spring/a.jpg"]


@pytest.mark.usefixtures("impatient")
def test_file_that_is_open_for_writing_is_left(system: System, drops: Drops, folder: Path) -> None:
    with (folder / "a.jpg").open("wb") as file:
        file.write(b"half")
        file.flush()
        drops.scan()
        assert keys(system) == []

    drops.scan()

    assert keys(system) == ["drops/local/spring/a.jpg"]


@pytest.mark.parametrize(
    "name",
    [
        ".hidden.jpg",
        "~lock.jpg",
        "a.jpg.part",
        "a.JPG.CRDOWNLOAD",
        "a.tmp",
        "a.jpg~",
        "atelier.json",
        "Thumbs.db",
    ],
)
def test_what_is_no_picture_is_ignored(name: str) -> None:
    assert ignored(name)


@pytest.mark.usefixtures("impatient")
def test_links_pipes_and_strays_are_not_followed(
    system: System, drops: Drops, folder: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(b"s")
    (folder / "link.jpg").symlink_to(outside / "secret.jpg")
    (folder.parent / "linked-batch").symlink_to(outside)
    os.mkfifo(folder / "pipe.jpg")
    (folder.parent / "no-batch.jpg").write_bytes(b"x")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "a.jpg").write_bytes(b"x")
    (folder / os.fsdecode(b"\xff.jpg")).write_bytes(b"x")

    drops.scan()
    drops._take("drops/local/spring/link.jpg")
    drops._take("drops/local/spring/pipe.jpg")

    assert keys(system) == []


def test_closed_and_renamed_files_are_taken_soon(
    system: System, drops: Drops, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STABLE_SECONDS", 600)
    outside = tmp_path / "moved.jpg"
    outside.write_bytes(b"m")
    with running(drops):
        (folder / "closed.jpg").write_bytes(b"c")
        (folder / "x.jpg.part").write_bytes(b"x")
        (folder / "x.jpg.part").rename(folder / "x.jpg")
        outside.rename(folder / "moved.jpg")
        found = wait_for_keys(system, 3)

    assert sorted(found) == [f"drops/local/spring/{name}.jpg" for name in ("closed", "moved", "x")]


def test_copy_that_sets_times_after_closing_is_one_event(
    system: System, drops: Drops, folder: Path, tmp_path: Path
) -> None:
    source = tmp_path / "old.jpg"
    source.write_bytes(b"o")
    os.utime(source, (1_000_000_000, 1_000_000_000))
    with running(drops):
        shutil.copy2(source, folder / "old.jpg")
        found = wait_for_keys(system, 2, seconds=1.5)

    assert found == ["drops/local/spring/old.jpg"]


def test_folder_that_is_moved_in_whole_is_found(
    system: System, drops: Drops, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STABLE_SECONDS", 0.1)
    batch = tmp_path / "autumn"
    batch.mkdir()
    (batch / "a.jpg").write_bytes(b"a")
    with running(drops):
        batch.rename(folder.parent / "autumn")
        found = wait_for_keys(system, 1)

    assert found == ["drops/local/autumn/a.jpg"]


def test_notices_come_after_the_last_drop_was_deleted(
    system: System, drops: Drops, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STABLE_SECONDS", 600)  # only a notice says so sooner
    with running(drops):
        (folder / "a.jpg").write_bytes(b"a")
        wait_for_keys(system, 1)
        system.inbox.delete("drops/local/spring/a.jpg")
        folder.mkdir(parents=True, exist_ok=True)
        found, give_up = set[str](), time.monotonic() + 30
        while not found and time.monotonic() < give_up:
            (folder / "b.jpg").write_bytes(b"b")  # again: the new folder may not be watched yet
            time.sleep(1)
            found = set(keys(system))
    assert found == {"drops/local/spring/b.jpg"}


def test_damaged_marks_begin_anew(tmp_path: Path) -> None:
    (tmp_path / "taken.db").write_bytes(b"no database" * 1000)
    assert Marks(tmp_path / "taken.db").get("folder", "name") is None
