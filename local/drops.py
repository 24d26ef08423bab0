"""The drop folder: files put under `<data>/drops/<tenant>/<batch>/` are told of, as S3 would.

A file is taken a moment after it was closed by its writer or renamed into place, or when two looks
some seconds apart find it unchanged. The system's own notice of changes makes that quick; looking
again from time to time makes it sure, where notices are lost or there are none (network folders).
"""

import fcntl
import logging
import os
import queue
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from watchdog.events import (
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)

from local.marks import Marks
from local.object_events import Created, announce, sequencer
from shared.embedded.blobs import FolderBlobs
from shared.system import System

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver

logger = logging.getLogger("drops")

SETTLE_SECONDS = 0.25
"""After a close: some programs set a file's times, or open it once more, just then."""
STABLE_SECONDS = 2.0
RESCAN_SECONDS = 10.0
RESCAN_SHARE = 200
"""Looking takes less than one part in so many of the time, and of a busy time one in"""
BUSY_SHARE = 10
SETTINGS_NAME = "atelier.json"
IGNORED_NAMES = frozenset({SETTINGS_NAME, "thumbs.db", "desktop.ini"})
IGNORED_STARTS = (".", "~")
IGNORED_ENDS = (".part", ".partial", ".crdownload", ".download", ".tmp", "~")
NOTICES: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileMovedEvent,
    *([] if sys.platform == "linux" else [FileCreatedEvent]),  # elsewhere no close is told
]


class Drops:
    """Finds what was dropped. `turn` belongs to one thread."""

    def __init__(self, system: System) -> None:
        if system.settings.data is None or not isinstance(system.inbox, FolderBlobs):
            raise TypeError("drop folders belong to the embedded adapters: set ATELIER_DATA")
        self._system = system
        self.root = system.inbox.path("drops")
        self.root.mkdir(parents=True, exist_ok=True)
        self._marks = Marks(system.settings.data / "taken.db")
        self._notices: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._settling: dict[str, float] = {}
        self._looked_at: dict[str, tuple[str, float]] = {}
        self._refused: set[str] = set()
        self._next_scan = self._soonest_scan = 0.0

    @contextmanager
    def watching(self) -> Iterator[None]:
        """With the system's notices, where it gives any."""
        observer = _observer()
        observer.schedule(
            _Listener(self._notices), str(self.root), recursive=True, event_filter=NOTICES
        )
        try:
            observer.start()
        except OSError:  # no inotify watches are left
            logger.exception("no notice of changes: drops are found by looking only")
        yield
        observer.unschedule_all()

    def turn(self) -> None:
        """Wait for a notice or the next look, and take what is ready."""
        moment = min([self._next_scan, *self._settling.values()])
        with suppress(queue.Empty):
            self._note(self._notices.get(timeout=max(0.0, moment - time.monotonic())))
        self._take_settled()
        if time.monotonic() >= self._next_scan:
            self.scan()

    def scan(self) -> None:
        """Look through the whole folder."""
        begun = time.monotonic()
        looked_at: dict[str, tuple[str, float]] = {}
        for key, current in self._unmarked():
            since = self._unchanged_since(key, current, begun)
            if begun - since >= STABLE_SECONDS:
                self._take(key)
            else:
                looked_at[key] = (current, since)
        self._looked_at = looked_at
        pause = STABLE_SECONDS if looked_at else RESCAN_SECONDS
        now = time.monotonic()
        self._soonest_scan = now + (now - begun) * BUSY_SHARE
        self._next_scan = now + max(pause, (now - begun) * RESCAN_SHARE)

    def _note(self, path: str | None) -> None:
        """A notice: this file is ready, or (None) something has changed somewhere."""
        if path is None:
            soon = max(self._soonest_scan, time.monotonic() + SETTLE_SECONDS)
            self._next_scan = min(self._next_scan, soon)
        elif (key := self._key(Path(path))) is not None:
            self._settling[key] = time.monotonic() + SETTLE_SECONDS

    def _take_settled(self) -> None:
        now = time.monotonic()
        for key in [key for key, moment in self._settling.items() if moment <= now]:
            del self._settling[key]
            self._take(key, empty_too=False)

    def _take(self, key: str, empty_too: bool = True) -> None:
        """Tell of the file, once it is on the disk for good."""
        state = self._synced(key)
        if state is None or (state.st_size == 0 and not empty_too):
            return
        folder, _, name = key.rpartition("/")
        current = sequencer(state)
        if self._marks.get(folder, name) != current:
            announce(self._system, Created(key, state.st_size, current))
            self._marks.put(folder, name, current)

    def _unchanged_since(self, key: str, current: str, now: float) -> float:
        before, since = self._looked_at.get(key, ("", now))
        return since if before == current else now

    def _unmarked(self) -> Iterator[tuple[str, str]]:
        """The key and sequencer of each file that was not taken as it is."""
        for tenant in _folders(self.root):
            for batch in _folders(tenant):
                yield from self._unmarked_under(batch)

    def _unmarked_under(self, folder: Path) -> Iterator[tuple[str, str]]:
        prefix = self._relative(folder)
        if prefix is None:
            return
        marked = self._marks.folder(prefix)
        states = dict(_files(folder))
        for name, state in states.items():
            key = f"{prefix}/{name}"
            if key not in self._settling and marked.get(name) != sequencer(state):
                yield key, sequencer(state)
        if gone := marked.keys() - states.keys():
            self._marks.forget(prefix, gone)
        for inner in _folders(folder):
            yield from self._unmarked_under(inner)

    def _key(self, path: Path) -> str | None:
        """The key of a dropped file; None for what is none."""
        key = self._relative(path)
        parts = key.split("/") if key else []
        if key is None or len(parts) < 4 or any(map(ignored, parts)):
            return None
        return key

    def _relative(self, path: Path) -> str | None:
        """`drops/…`; None for names that are no UTF-8, which no key can hold."""
        relative = f"drops/{path.relative_to(self.root).as_posix()}"
        try:
            relative.encode()
        except UnicodeEncodeError:
            if relative not in self._refused:
                self._refused.add(relative)
                logger.warning("a dropped name is not UTF-8 and cannot be taken")
            return None
        return relative

    def _synced(self, key: str) -> os.stat_result | None:
        """Bring the file and its folders to the disk; None where there is no such file."""
        path = self.root.parent / key
        try:
            state = _sync(path, stat.S_ISREG)
            for folder in path.parents:
                _sync(folder, stat.S_ISDIR)
                if folder == self.root:
                    break
        except OSError:  # gone again, or a link
            return None
        return state


class _Listener(FileSystemEventHandler):
    """Passes notices on to the thread that acts on them."""

    def __init__(self, notices: "queue.SimpleQueue[str | None]") -> None:
        self._notices = notices

    def on_any_event(self, event: FileSystemEvent) -> None:
        ready = {FileClosedEvent: event.src_path, FileMovedEvent: event.dest_path}.get(type(event))
        self._notices.put(os.fsdecode(ready) if ready else None)


def ignored(name: str) -> bool:
    """Hidden files, those that are still being written, and those that are no pictures."""
    lower = name.lower()
    return (
        name in IGNORED_NAMES
        or lower in IGNORED_NAMES
        or lower.startswith(IGNORED_STARTS)
        or lower.endswith(IGNORED_ENDS)
    )


def _observer() -> "BaseObserver":
    if sys.platform == "linux":
        from watchdog.observers.inotify import InotifyObserver

        return InotifyObserver(generate_full_events=True)
    from watchdog.observers import Observer

    return Observer()


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(
                Path(entry.path)
                for entry in entries
                if entry.is_dir(follow_symlinks=False) and not ignored(entry.name)
            )
    except OSError:  # gone while we looked
        return []


def _files(folder: Path) -> list[tuple[str, os.stat_result]]:
    """The regular files in one folder, links apart."""
    try:
        with os.scandir(folder) as entries:
            return [
                (entry.name, entry.stat(follow_symlinks=False))
                for entry in entries
                if entry.is_file(follow_symlinks=False) and _takeable(entry.name)
            ]
    except OSError:
        return []


def _takeable(name: str) -> bool:
    return not ignored(name) and name.encode(errors="ignore").decode() == name


def _sync(path: Path, right_kind: Callable[[int], bool]) -> os.stat_result:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        state = os.fstat(descriptor)
        if not right_kind(state.st_mode) or _being_written(descriptor):
            raise FileNotFoundError(path)
        os.fsync(descriptor)
        return state
    finally:
        os.close(descriptor)


def _being_written(descriptor: int) -> bool:
    """Whether somebody has the file open for writing: Linux grants no read lease then."""
    if sys.platform != "linux":
        return False
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:  # a folder, somebody else's file, or a file system without leases
        return False
    return False
