"""Blobs on their way to the disk: those of all threads that store at the same time in one go.

The disk has all files to write before one is waited for, and each folder is fsynced once.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, count, islice

from shared.embedded.convoy import Convoy, Errand
from shared.embedded.folders import Folders
from shared.embedded.scratch import Scratch, make
from shared.errors import Unavailable

MOST = 16
"""Threads whose blobs go together: the first of them waits for the last."""
CONVOYS = 3
"""On their way at the same time: what a disk is asked for by several it does in one."""
ALONE_BYTES = 2**22
"""So much goes alone, and holds up nobody."""


class Load(Errand):
    """The blobs of one thread, and what went wrong with them."""

    def __init__(self, scratch: str, blobs: Sequence[tuple[str, bytes]]) -> None:
        super().__init__()
        self.blobs = blobs
        self.folders = {target.rpartition("/")[0] for target, _ in blobs}
        self.error: Exception | None = None
        self._scratch = scratch
        self._files: list[Scratch] = []

    def attempt(self, step: Callable[[], None]) -> None:
        """Once something has gone wrong nothing more is done for it."""
        if self.error is None:
            try:
                step()
            except Exception as error:
                self.error = error

    def fill(self) -> None:
        """Write the bytes into files of no name."""
        for _, data in self.blobs:
            self._files.append(Scratch(self._scratch))
            self._files[-1].fill(data)

    def sync(self) -> None:
        """Bring them to the disk."""
        for file in self._files:
            file.sync()

    def place(self) -> None:
        """Give them their names."""
        for folder in self.folders:
            make(folder)
        for file, (target, _) in zip(self._files, self.blobs, strict=True):
            file.place(target)

    def discard(self) -> None:
        """Close all, and remove what has no name."""
        for file in self._files:
            file.discard()


class Carrier:
    """Brings what the threads of one process store to the disk."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders
        self._convoys: list[Convoy[Load]] = [Convoy() for _ in range(CONVOYS)]
        self._turn = count()

    def carry(self, load: Load) -> None:
        """All of it is durable when this returns. Where it raises, any of it may be there."""
        if sum(len(data) for _, data in load.blobs) > ALONE_BYTES:
            self._carry(iter([load]))
        else:
            convoy = self._convoys[next(self._turn) % CONVOYS]
            convoy.go(load, lambda: self._carry(iter(convoy.next, None)))
        if load.error is not None:
            raise load.error

    def _carry(self, loads: Iterator[Load]) -> None:
        taken: list[Load] = []
        try:
            for load in islice(loads, MOST):
                taken.append(load)
                load.attempt(load.fill)
            for load in taken:
                load.attempt(load.sync)
            for load in taken:
                load.attempt(load.place)
            self._sync([load for load in taken if load.error is None])
        except BaseException as error:  # this thread was interrupted
            for load in taken:
                load.error = load.error or Unavailable(f"not stored: {error}")
            raise
        finally:
            for load in taken:
                load.discard()
                load.end()

    def _sync(self, loads: Sequence[Load]) -> None:
        try:
            self._folders.sync(*set(chain.from_iterable(load.folders for load in loads)))
        except Exception as error:
            for load in loads:
                load.error = error
