"""Carries a folder's files into the inbox, as `aws s3 sync` does."""

import threading
from contextlib import suppress
from pathlib import Path

from shared.errors import Unavailable
from shared.ports import Blobs

LOOK_SECONDS = 0.3
SETTINGS = "atelier.json"
"""It is to be there before the pictures of its batch."""


class Courier:
    """Takes what lies in `folder` under a name that is not hidden, from `start` until `stop`."""

    def __init__(self, folder: Path, inbox: Blobs, prefix: str) -> None:
        self._folder, self._inbox, self._prefix = folder, inbox, prefix
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._carry_on, name="courier", daemon=True)

    def start(self) -> None:
        if not self._thread.is_alive():
            self._thread.start()

    def stop(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _carry_on(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            with suppress(Unavailable):  # the file is still there
                self._carry()

    def _carry(self) -> None:
        found = self._folder.glob("*/[!.]*")
        for file in sorted(found, key=lambda file: file.name != SETTINGS):
            key = f"{self._prefix}/{file.relative_to(self._folder).as_posix()}"
            self._inbox.put(key, file.read_bytes(), "image/png")
            file.unlink()
