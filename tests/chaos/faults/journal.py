"""What the layer writes down: JSON lines, in files that outlive the process that wrote them."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json

from shared.contract import Status
from shared.records import DeliveryRecord, JobRecord, PulseRecord, Record


class Artwork(NamedTuple):
    """One committed artwork."""

    index: int
    attempt: int
    sha256: str


class JobState(BaseModel):
    """What a write made of a job."""

    model_config = ConfigDict(frozen=True)

    status: Status
    attempt: int
    tries: int
    holder: str | None
    count: int
    artworks: tuple[Artwork, ...]
    cancel_requested: bool
    deleted: bool
    announce: bool
    error: str | None


class DeliveryState(BaseModel):
    """What a write made of a webhook's delivery."""

    model_config = ConfigDict(frozen=True)

    event_id: str
    state: str
    round: int


class Entry(BaseModel):
    """A line. `clock` is monotonic, the same for all processes of a machine; `at` is a wall's."""

    model_config = ConfigDict(frozen=True)

    at: float
    clock: float
    pid: int


class Write(Entry):
    """A write that has taken effect. The writes of one (pk, sk) stand in the order of `version`;
    a process that was killed between its write and this line leaves a gap there."""

    begun: float
    """The clock when the call began. Its writer may be stopped before it writes this line: the
    effect came at some moment between the two."""
    act: str
    """`put` or `delete`; a delete has the version that its caller knew."""
    kind: str
    """`job`, `pulse`, `delivery` …: what the sort key begins with."""
    pk: str
    sk: str
    version: int
    attempt: int | None = None
    """A pulse's: whose sign of life it is."""
    job: JobState | None = None
    delivery: DeliveryState | None = None


class Fault(Entry):
    """A fault that was injected."""

    kind: str
    port: str
    operation: str


E = TypeVar("E", bound=Entry)


class Journal:
    """This process's two files: its faults and its writes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[tuple[int, str], int] = {}

    def fault(self, kind: str, port: str, operation: str) -> None:
        self._append("faults", {"kind": kind, "port": port, "operation": operation})

    def write(self, begun: float, act: str, record: Record) -> None:
        told = {"act": act, "kind": record.sk.partition("#")[0], "pk": record.pk, "sk": record.sk}
        told |= {"version": record.version, "begun": begun}
        self._append("writes", told | _state(record))

    def _append(self, name: str, told: dict[str, Any]) -> None:
        """One `write` for the whole line, so that no kill tears it and no thread mixes two."""
        pid = os.getpid()
        line = to_json({"at": time.time(), "clock": time.monotonic(), "pid": pid, **told})
        os.write(self._file(name, pid), line + b"\n")

    def _file(self, name: str, pid: int) -> int:
        """A fork has files of its own, and so has a process that gets the number of a dead one."""
        if (pid, name) not in self._files:
            path = self._folder / f"{name}-{pid}.jsonl"
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            self._files[pid, name] = os.open(path, flags, 0o600)
        return self._files[pid, name]


def _state(record: Record) -> dict[str, Any]:
    if isinstance(record, JobRecord):
        given = record.model_dump(include=set(JobState.model_fields) - {"artworks", "error"})
        made = [(one.index, one.attempt, one.sha256) for one in record.artworks]
        error = record.error.code if record.error else None
        return {"job": {**given, "artworks": made, "error": error}}
    if isinstance(record, DeliveryRecord):
        return {"delivery": record.model_dump(include=set(DeliveryState.model_fields))}
    if isinstance(record, PulseRecord):
        return {"attempt": record.attempt}
    return {}


def lines(folder: Path, name: str) -> Iterator[bytes]:
    """Every whole line of those files; the last one of a file may be on its way."""
    for path in sorted(folder.glob(f"{name}-*.jsonl")):
        with path.open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))


def entries(folder: Path, name: str, kind: type[E]) -> Iterator[E]:
    """Those lines, parsed."""
    return (kind.model_validate_json(line) for line in lines(folder, name))
