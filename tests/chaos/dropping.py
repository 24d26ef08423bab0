"""Files and their folders, laid as a careful program does: under a hidden name, then renamed."""

import json
from pathlib import Path
from typing import Any

from tests.chaos.workload import BATCHES


def lay_batches(drops: Path, receiver: str) -> None:
    """The settings of the shared drop folders, before anything is dropped."""
    for name, given in BATCHES.items():
        hook = {"webhook": f"{receiver}/{given['webhook']}"} if "webhook" in given else {}
        lay(drops / name, {**given, **hook})


def lay(folder: Path, settings: dict[str, Any]) -> None:
    """A drop folder with its settings."""
    folder.mkdir(parents=True, exist_ok=True)
    place(folder / "atelier.json", json.dumps(settings).encode())


def place(path: Path, data: bytes) -> None:
    hidden = path.with_name(f".{path.name}")
    hidden.write_bytes(data)
    hidden.rename(path)
