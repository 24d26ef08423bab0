"""Folders whose entries are on the disk, each with the least that this takes.

What is put into a folder lasts once the folder is fsynced, and the folder itself once the one above
it is. Any of them may have been made a moment ago, by us or by another process that has not come to
its own fsync: so the folder and the one above it are fsynced each time (the second has mostly
nothing to write). Further up this is done until a folder is known to last: after this process has
itself fsynced what is above it, for as long as that same folder stands there. It is kept open
meanwhile, or another could be made in its place that looks the same.
"""

import os
from contextlib import suppress

MOST = 128
"""Folders that are kept open: those above jobs, one for each tenant."""


class Folder:
    """An open folder."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)

    def __del__(self) -> None:
        with suppress(AttributeError, OSError):
            os.close(self._descriptor)

    def sync(self) -> None:
        os.fsync(self._descriptor)

    def is_at(self, path: str) -> bool:
        return os.path.samestat(os.fstat(self._descriptor), os.stat(path))  # noqa: PTH116


class Folders:
    """The folders of one bucket, and which of them are known to last."""

    def __init__(self, top: str) -> None:
        """`top` and what is above it is taken to last."""
        self._top = top
        self._lasting: dict[str, Folder] = {}

    def sync(self, *folders: str) -> None:
        """Make their entries last, and the folders too. One that is removed meanwhile, with all
        that was in it, is none of ours any more."""
        for folder in folders:
            self.sync_entries(folder)
        for above in {_above(folder) for folder in folders}:
            with suppress(FileNotFoundError, PermissionError):  # one above ours, closed to us
                self._sync_up(above)

    def sync_entries(self, folder: str) -> None:
        """What was taken from it does not come back."""
        with suppress(FileNotFoundError, NotADirectoryError):
            Folder(folder).sync()

    def _sync_up(self, above: str) -> None:
        passed: dict[str, Folder] = {}
        while above != self._top:
            known = self._known(above)
            opened = known or Folder(above)
            opened.sync()
            if known:
                break
            passed[above] = opened
            above = _above(above)
        self._remember(passed)

    def _known(self, path: str) -> Folder | None:
        folder = self._lasting.get(path)
        return folder if folder and folder.is_at(path) else None

    def _remember(self, folders: dict[str, Folder]) -> None:
        if len(self._lasting) + len(folders) > MOST:
            self._lasting.clear()
        self._lasting.update(folders)


def _above(path: str) -> str:
    return path.rpartition("/")[0]
