"""Where the faults are put: the methods of a system's ports are replaced on the very objects, so
that whoever asks for their class still finds it."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from shared.ports import Queue, Together
from shared.records import Record
from shared.settings import Settings
from shared.system import System, one_by_one
from tests.chaos.faults import chance
from tests.chaos.faults.chance import FATAL, Chance
from tests.chaos.faults.config import Config
from tests.chaos.faults.injector import Injector
from tests.chaos.faults.journal import Journal
from tests.chaos.faults.mutants import MUTANTS

READ = ("refused", "slow")
WRITE = ("refused", "unanswered", "slow")

Operations = dict[str, tuple[str, ...]]
TABLE: Operations = {
    **dict.fromkeys(("get", "get_many", "partition", "owned", "batch"), READ),
    **dict.fromkeys(("due", "announcements"), READ),
    **dict.fromkeys(("put", "delete", "acknowledge"), WRITE),
}
BLOBS: Operations = {
    **dict.fromkeys(("get", "head", "keys"), READ),
    **dict.fromkeys(("put", "copy", "delete", "writer"), WRITE),
    "put_all": (*WRITE, FATAL),
}
QUEUE: Operations = {
    **dict.fromkeys(("depth", "position"), READ),
    **dict.fromkeys(("extend", "extend_all", "delete"), WRITE),
    "send": (*WRITE, "doubled", "late"),
    "receive": (*WRITE, "redelivered"),
}
TOPIC: Operations = {"publish": (*WRITE, "doubled")}


def install(bootstrap: ModuleType, config_file: str) -> None:
    """Have this process's `assemble` make systems that fail, and break the guard that is named."""
    config = Config.model_validate_json(Path(config_file).read_bytes())
    journal = Journal(config.folder)
    injector = Injector(Chance(config.folder / chance.FILE, config.seed), journal)
    assemble: Callable[[Settings], System] = bootstrap.assemble
    vars(bootstrap)["assemble"] = lambda chosen: faulty(assemble(chosen), injector, journal)
    if config.mutant:
        MUTANTS[config.mutant]()


def faulty(system: System, injector: Injector, journal: Journal) -> System:
    """The system, its writes written down and its ports made to fail."""

    def patch(port: Any, name: str, operations: Operations) -> None:
        for operation in operations.keys() & set(dir(port)):
            vars(port)[operation] = injector.struck(port, name, operation, operations[operation])

    writes = Writes(journal)
    record(system.table, writes)
    patch(system.table, "table", TABLE)
    patch(system.inbox, "inbox", BLOBS)
    patch(system.artworks, "artworks", BLOBS)
    patch(system.topic, "topic", TOPIC)
    queues = once(system.queue, lambda queue: patch(queue, "queue", QUEUE))
    if system.together is one_by_one:
        return replace(system, queue=queues)
    whole = SimpleNamespace(together=partial(writes.together, system.together))
    patch(whole, "system", {"together": WRITE})
    return replace(system, queue=queues, together=whole.together)


class Writes:
    """Writes down what has taken effect; what was written together, once all of it has."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._thread = threading.local()

    def note(self, begun: float, act: str, record: Record) -> None:
        held = getattr(self._thread, "held", None)
        if held is None:
            self._journal.write(begun, act, record)
        else:
            held.append((begun, act, record))

    def together(self, together: Together, work: Callable[[], Any]) -> Any:
        held: list[tuple[float, str, Record]] = []

        def holding() -> Any:
            before = getattr(self._thread, "held", None)
            self._thread.held = held  # of the thread that runs it, which may be another
            try:
                return work()
            finally:
                self._thread.held = before

        answer = together(holding)
        for noted in held:  # one within another has taken effect when that has
            self.note(*noted)
        return answer


def record(table: Any, writes: Writes) -> None:
    """Write down each write of this table when it has taken effect."""
    put, delete = table.put, table.delete

    def recorded_put(record: Record) -> Record:
        begun = time.monotonic()
        written: Record = put(record)
        writes.note(begun, "put", written)
        return written

    def recorded_delete(record: Record) -> None:
        begun = time.monotonic()
        delete(record)
        writes.note(begun, "delete", record)

    vars(table).update(put=recorded_put, delete=recorded_delete)


def once(queues: Callable[[str], Queue], patch: Callable[[Queue], None]) -> Callable[[str], Queue]:
    """The same queues, each patched when it is first asked for."""
    patched: dict[str, Queue] = {}
    making = threading.Lock()

    def queue(name: str) -> Queue:
        with making:
            if name not in patched:
                patched[name] = queues(name)
                patch(patched[name])
            return patched[name]

    return queue
