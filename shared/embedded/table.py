"""The job table in SQLite."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from time import time
from typing import NamedTuple, TypeVar

from shared.embedded.bell import Bell
from shared.embedded.database import Database
from shared.errors import WriteConflict
from shared.records import KINDS, Index, JobRecord, Record, due_shard

R = TypeVar("R", bound=Record)

ALIVE = "(expires_at IS NULL OR expires_at > :now)"
"""The clock is Python's: SQLite before 3.42 (Debian 12 has 3.40) knows no parts of a second."""

CHANGES = """version = version + 1, body = :body, status = :status, due_shard = :due_shard,
             due_at = :due_at, expires_at = :expires_at"""
THIS = "pk = :pk AND sk = :sk AND version = :version"
EXPIRED = """DELETE FROM items
             WHERE (pk, sk) IN (SELECT pk, sk FROM items WHERE expires_at <= ? LIMIT ?)"""
AT_ONCE = 1000
"""Expired records that are removed in one go: others write in between."""
STAY = f"UPDATE items SET {CHANGES} WHERE {THIS} AND owner IS :owner AND batch IS :batch"
MOVE = f"UPDATE items SET {CHANGES}, owner = :owner, batch = :batch WHERE {THIS}"


class Announcement(NamedTuple):
    """An entry of the stream: this record was written with its `announce` set. The record is told
    as it is stored now, and as it is stored: nobody here has to understand it."""

    seq: int
    pk: str
    sk: str
    version: int
    body: str


class SqliteTable:
    """`shared.ports.Table`, and the stream that wakes `notify`."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.stream_bell = Bell(database.folder, "stream")
        self.change_bell = Bell(database.folder, "changes")

    def get(self, kind: type[R], pk: str, sk: str | None = None) -> R | None:
        rows = self.database.rows(
            f"SELECT version, body FROM items WHERE pk = :pk AND sk = :sk AND {ALIVE}",
            {"pk": pk, "sk": sk or _only_sk(kind), "now": time()},
        )
        return _load(kind, rows[0]) if rows else None

    def get_many(self, kind: type[R], pks: Sequence[str]) -> dict[str, R]:
        rows = self.database.rows(
            f"""SELECT pk, version, body FROM items
                WHERE pk IN (SELECT value FROM json_each(:pks)) AND sk = :sk AND {ALIVE}""",
            {"pks": json.dumps(list(pks)), "sk": _only_sk(kind), "now": time()},
        )
        return {row["pk"]: _load(kind, row) for row in rows}

    def put(self, record: R) -> R:
        index = record.index()
        columns = _columns(record, index)

        def write(db: sqlite3.Connection) -> None:
            written = _replace(db, columns) if record.version else _insert(db, columns)
            if not written:
                raise WriteConflict(f"{record.pk} {record.sk} is not at version {record.version}")
            self.database.ring(self.change_bell, record.pk)
            if index.announce:
                db.execute("INSERT INTO stream (pk, sk) VALUES (?, ?)", (record.pk, record.sk))
                self.database.ring(self.stream_bell)

        self.database.write(write)
        return record.model_copy(update={"version": record.version + 1})

    def delete(self, record: Record) -> None:
        sql = "DELETE FROM items WHERE pk = ? AND sk = ?"
        self.database.execute(sql, (record.pk, record.sk))

    def partition(self, kind: type[R], pk: str) -> list[R]:
        name = _name(kind)
        rows = self.database.rows(
            f"""SELECT version, body FROM items WHERE pk = :pk AND sk >= :first AND sk < :last
                AND {ALIVE} ORDER BY sk""",
            {"pk": pk, "first": name, "last": name + "~", "now": time()},
        )
        return [_load(kind, row) for row in rows]

    def owned(
        self, kind: type[R], owner: str, before: str | None, limit: int, status: str | None = None
    ) -> list[R]:
        filtered = "AND status = :status" if status else ""
        rows = self.database.rows(
            f"""SELECT version, body FROM items WHERE owner = :owner {filtered} AND {ALIVE}
                AND (:before IS NULL OR pk < :before) ORDER BY pk DESC LIMIT :limit""",
            {"owner": owner, "status": status, "before": before, "limit": limit, "now": time()},
        )
        return [_load(kind, row) for row in rows]

    def batch(self, batch: str, before: str | None, limit: int) -> list[JobRecord]:
        rows = self.database.rows(
            """SELECT version, body FROM items WHERE batch = :batch
               AND (:before IS NULL OR pk < :before) ORDER BY pk DESC LIMIT :limit""",
            {"batch": batch, "before": before, "limit": limit},
        )
        return [_load(JobRecord, row) for row in rows]

    def due(self, shard: int, now: datetime, limit: int) -> list[Record]:
        rows = self.database.rows(
            f"""SELECT sk, version, body FROM items WHERE due_shard = :shard AND due_at <= :due
                AND {ALIVE} ORDER BY due_at LIMIT :limit""",
            {"shard": shard, "due": now.timestamp(), "limit": limit, "now": time()},
        )
        return [_load(_kind(row["sk"]), row) for row in rows]

    def watch(self, pk: str, seconds: float) -> None:
        self.change_bell.wait(seconds, pk)

    def announcements(self, limit: int, after: int = 0) -> list[Announcement]:
        """The oldest entries of the stream after that one; those of records that are gone are left
        out."""
        rows = self.database.rows(
            """SELECT seq, pk, sk, version, body FROM stream
               JOIN items USING (pk, sk) WHERE seq > ? ORDER BY seq LIMIT ?""",
            (after, limit),
        )
        return [Announcement(*row) for row in rows]

    def acknowledge(self, last: int, keep: Iterable[int] = ()) -> None:
        """Forget the stream up to and including `last`, except for what is to be kept. Power loss
        may bring it back."""
        sql = """DELETE FROM stream WHERE seq <= ?
                 AND seq NOT IN (SELECT value FROM json_each(?))"""
        self.database.execute(sql, (last, json.dumps(list(keep))), lasting=False)

    def collect_garbage(self) -> None:
        """Remove what has expired (the table's TTL), and from the log what was removed."""

        def some(db: sqlite3.Connection) -> int:
            return db.execute(EXPIRED, (time(), AT_ONCE)).rowcount

        while self.database.write(some) == AT_ONCE:
            pass
        self.database.empty_log()


def _name(kind: type[Record]) -> str:
    return next(name for name, known in KINDS.items() if known is kind)


def _only_sk(kind: type[Record]) -> str:
    return _name(kind)


def _kind(sk: str) -> type[Record]:
    return KINDS[sk.partition("#")[0]]


def _load(kind: type[R], row: sqlite3.Row) -> R:
    """The version is put into the JSON: a second copy of the record would cost as much again."""
    return kind.model_validate_json(f'{{"version":{row["version"]},{row["body"][1:]}')


def _seconds(moment: datetime | None) -> float | None:
    return moment.astimezone(UTC).timestamp() if moment else None


def _columns(record: Record, index: Index) -> dict[str, object]:
    return {
        "pk": record.pk,
        "sk": record.sk,
        "version": record.version,
        "body": record.model_dump_json(),
        "owner": index.owner,
        "batch": index.batch,
        "status": index.status,
        "due_shard": due_shard(record.pk) if index.due_at else None,
        "due_at": _seconds(index.due_at),
        "expires_at": _seconds(index.expires_at),
    }


def _insert(db: sqlite3.Connection, columns: Mapping[str, object]) -> bool:
    """Write a new record; one that has expired is no hindrance."""
    done = db.execute(
        """INSERT INTO items (pk, sk, version, body, owner, batch, status, due_shard, due_at,
                              expires_at)
           VALUES (:pk, :sk, 1, :body, :owner, :batch, :status, :due_shard, :due_at, :expires_at)
           ON CONFLICT DO UPDATE SET version = 1, body = excluded.body, owner = excluded.owner,
               batch = excluded.batch, status = excluded.status, due_shard = excluded.due_shard,
               due_at = excluded.due_at, expires_at = excluded.expires_at
           WHERE items.expires_at <= :now""",
        {**columns, "now": time()},
    )
    return done.rowcount == 1


def _replace(db: sqlite3.Connection, columns: Mapping[str, object]) -> bool:
    """Nearly always a record stays where it stands in the lists, which then need no write."""
    stayed = db.execute(STAY, columns)
    return stayed.rowcount == 1 or db.execute(MOVE, columns).rowcount == 1
