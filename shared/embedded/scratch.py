"""Files on their way into a bucket: whole, and on the disk, before they have a name there."""

import os
import secrets
from contextlib import suppress
from itertools import count
from pathlib import Path

from shared.errors import Conflict, Forbidden, Unavailable

PUBLISH_TRIES = 10
BEGIN_TO_WRITE = getattr(os, "POSIX_FADV_DONTNEED", None)
"""Advice on which Linux at once begins to write what is new; macOS has no such thing."""

_mine = secrets.token_hex(8)
_numbers = count()


class Scratch:
    """An open file whose name says which process writes it."""

    def __init__(self, folder: str) -> None:
        self._path = f"{folder}/{os.getpid()}-{_mine}{next(_numbers)}"
        self.descriptor = _new(self._path)
        self._placed = False

    def fill(self, data: bytes) -> None:
        """Write it all, and have the disk begin with it: while it does, others can be filled."""
        left = memoryview(data)
        while left:
            left = left[os.write(self.descriptor, left) :]
        if BEGIN_TO_WRITE is not None:
            with suppress(OSError):
                os.posix_fadvise(self.descriptor, 0, 0, BEGIN_TO_WRITE)

    def sync(self) -> None:
        """Its bytes are on the disk when this returns."""
        os.fsync(self.descriptor)

    def place(self, target: str, once: bool = False) -> None:
        """Give it its name.

        The folder is made anew when the last blob beside it is deleted at this very moment.
        """
        for _ in range(PUBLISH_TRIES):
            try:
                if once:
                    return os.link(self._path, target)
                os.rename(self._path, target)  # noqa: PTH104
                self._placed = True
                return None
            except FileExistsError:
                if not Path(target).parent.is_dir():
                    raise _taken(target) from None
                raise Conflict("these bytes were sent already", code="already_uploaded") from None
            except FileNotFoundError:
                make(target.rpartition("/")[0])
            except (IsADirectoryError, NotADirectoryError):
                raise _taken(target) from None
        raise Unavailable(f"the folder of {target} is removed again and again")

    def discard(self) -> None:
        """Close it; its name here goes. Where even that fails it is collected later."""
        with suppress(OSError):
            os.close(self.descriptor)
        if not self._placed:
            with suppress(OSError):
                os.unlink(self._path)  # noqa: PTH108


def make(folder: str) -> None:
    """Let there be such a folder."""
    try:
        os.mkdir(folder)  # noqa: PTH102
    except FileExistsError:
        if Path(folder).is_file():
            raise _taken(folder) from None
    except NotADirectoryError:
        raise _taken(folder) from None
    except FileNotFoundError:
        make(folder.rpartition("/")[0])
        make(folder)


def _new(path: str) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    try:
        return os.open(path, flags, 0o666)
    except FileNotFoundError:
        make(path.rpartition("/")[0])
        return os.open(path, flags, 0o666)


def _taken(target: str) -> Forbidden:
    """A folder has one name for a blob `a` and for the folder of `a/b`; a bucket has room for both.

    Trying again would not help, so this is no `Unavailable`.
    """
    name = target.rpartition("/")[2]
    return Forbidden(f"no blob can be called {name!r} here: a folder is")
