"""The topic of one machine: a file of JSON lines that any program may follow."""

import os
from pathlib import Path

from shared.contract import Event

MAX_BYTES = 16 * 2**20


class FileTopic:
    """`shared.ports.Topic`: `events.jsonl`, and the previous one as `events.1.jsonl`."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "events.jsonl"

    def publish(self, event_id: str, event: Event) -> None:
        line = f'{{"id":"{event_id}","event":{event.model_dump_json()}}}\n'
        if self.path.exists() and self.path.stat().st_size > MAX_BYTES:
            self.path.replace(self.path.with_name("events.1.jsonl"))
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)
