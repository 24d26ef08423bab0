"""The topic of one machine: a file of JSON lines that any program may follow."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from shared.contract import Event
from shared.embedded.faults import told

MAX_BYTES = 16 * 2**20


class FileTopic:
    """`shared.ports.Topic`: `events.jsonl`, and the previous one as `events.1.jsonl`.

    All lines are on the disk when `publish` returns. One that was cut short, by a full disk or by
    power loss, is no line: the next begins on a new one.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "events.jsonl"

    def publish(self, events: Mapping[str, Event]) -> None:
        lines = "".join(
            f'{{"id":"{event_id}","event":{event.model_dump_json()}}}\n'
            for event_id, event in events.items()
        )
        with told(), self._locked_folder() as folder:
            if self.path.exists() and self.path.stat().st_size > MAX_BYTES:
                self.path.replace(self.path.with_name("events.1.jsonl"))
            is_new = not self.path.exists()
            _append(self.path, lines.encode())
            if is_new:
                os.fsync(folder)

    @contextmanager
    def _locked_folder(self) -> Iterator[int]:
        """One writer at a time: two that turn the file over at once would throw one away."""
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield folder
        finally:
            os.close(folder)


def _append(path: Path, lines: bytes) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "ab+", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
            lines = b"\n" + lines
        try:
            while lines:
                lines = lines[file.write(lines) :]
            os.fsync(file.fileno())
        except OSError:
            file.truncate(size)
            raise
