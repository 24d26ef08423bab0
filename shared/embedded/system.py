"""The whole system in one data folder."""

import os
import secrets
from contextlib import suppress
from functools import cache, partial
from pathlib import Path

from shared.embedded.blobs import FolderBlobs
from shared.embedded.database import Database
from shared.embedded.queue import SqliteQueue
from shared.embedded.table import SqliteTable
from shared.embedded.topic import FileTopic
from shared.settings import Settings
from shared.system import System, read_catalogue

SECRET_BYTES = 32


def embedded(chosen: Settings, data: Path) -> System:
    """Adapters over `data`: `atelier.db`, `uploads/`, `drops/`, `artworks/`, `events.jsonl`.

    On a disk that fills up, uploads are refused first; then artworks, so that what was accepted
    may still end; what is left is the database's.
    """
    database = Database(data)
    secret = _secret(data)
    blobs = partial(FolderBlobs, secret=secret, public_url=chosen.public_url)
    return System(
        settings=chosen,
        table=SqliteTable(database),
        inbox=blobs(data, "inbox", reserve=chosen.disk_reserve, prefixes=("uploads", "drops")),
        artworks=blobs(data / "artworks", "artworks", reserve=chosen.disk_reserve // 2),
        topic=FileTopic(data),
        queue=cache(partial(SqliteQueue, database)),
        together=database.together,
        joint=True,
        secret=lambda: secret,
        catalogue=cache(partial(read_catalogue, chosen.catalogue)),
    )


def _secret(data: Path) -> bytes:
    """The folder's master secret: made at first use, readable by its owner only."""
    path = data / "secret"
    if not path.exists():
        temporary = data / f".secret-{os.getpid()}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(temporary, path)
        temporary.unlink()
    return path.read_bytes()
