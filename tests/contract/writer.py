"""A program that writes, for `test_durability`: it is traced, and it is killed.

python -m tests.contract.writer once FOLDER     store an artwork, then commit it; announce its end
python -m tests.contract.writer on FOLDER N     from N on, until killed; says what is written
"""

import sys
from itertools import count
from pathlib import Path

from functions.announcing import announce
from shared.contract import Status
from shared.embedded.system import embedded
from shared.records import JobRecord, Made
from shared.settings import Settings
from shared.system import System
from tests.contract.worlds import NOW, job

ARTWORK = Made(index=0, media_type="image/png", sha256="0" * 64, bytes=5, attempt=1)


def write_once(system: System, folder: Path) -> None:
    stored = system.table.put(job())
    (folder / "ready").mkdir()  # seen in the trace
    system.artworks.put(ARTWORK.key("ada", "job-1"), b"bytes", "image/png")
    made = system.table.put(stored.model_copy(update={"artworks": (ARTWORK,)}))
    ended = {"status": Status.SUCCEEDED, "ended_at": NOW, "announce": True}
    told = system.table.put(made.model_copy(update=ended))
    (folder / "ended").mkdir()
    announce(system, told)


def write_on(system: System, first: int) -> None:
    for number in count(first):
        name = f"job-{number:06}"
        system.artworks.put(f"ada/{name}/0.png", name.encode(), "image/png")
        stored = system.table.put(job(name))
        system.queue("standard-bulk").send(name, "ada")
        counter = system.table.get(JobRecord, "counter") or job("counter")
        system.table.put(counter.model_copy(update={"seed": counter.version + 1}))
        system.table.put(stored.model_copy(update={"announce": True}))
        print(number, flush=True)


def main() -> None:
    mode, folder, *rest = sys.argv[1:]
    system = embedded(Settings(data=Path(folder), disk_reserve=0), Path(folder))
    if mode == "once":
        write_once(system, Path(folder))
    else:
        write_on(system, int(rest[0]))


if __name__ == "__main__":
    main()
