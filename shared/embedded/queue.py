"""A queue in SQLite with the semantics of SQS standard queues, and fair among tenants.

Fairness is start-time fair queueing (Goyal, Vin, Cheng 1996): a letter's turn is one after the last
turn of its tenant, or after the turn that is being served if the tenant has been quiet. A tenant
with ten thousand letters and one with a single letter then alternate.
"""

import secrets
import sqlite3
import time

from shared.embedded.bell import Bell
from shared.embedded.database import Database
from shared.ports import Letter

MAX_POSITION = 1000
"""Letters are counted up to here: a client far behind need not know how far."""
SERVED = ""
"""The row of `turns` that holds the turn being served."""


class SqliteQueue:
    """`shared.ports.Queue`. Dead letters go to the queue called `<name>-dead`."""

    def __init__(self, database: Database, name: str, max_receives: int = 100) -> None:
        self.database = database
        self.name = name
        self.max_receives = max_receives
        self.bell = Bell(database.folder, f"queue-{name}")

    def send(self, body: str, group: str, delay: float = 0) -> None:
        with self.database.write() as db:
            turn = self._next_turn(db, group)
            db.execute(
                """INSERT INTO letters (queue, tenant, body, turn, visible_at)
                   VALUES (?, ?, ?, ?, ?)""",
                (self.name, group, body, turn, time.time() + delay),
            )
        if not delay:
            self.bell.ring()

    def receive(self, limit: int, visibility: float, wait: float = 0) -> list[Letter]:
        give_up = time.monotonic() + wait
        if wait:
            self.bell.listen()
        while True:
            letters = self._take(limit, visibility)
            left = give_up - time.monotonic()
            if letters or left <= 0:
                return letters
            self.bell.wait(left)

    def extend(self, letter: Letter, visibility: float) -> None:
        with self.database.write() as db:
            db.execute(
                "UPDATE letters SET visible_at = ? WHERE id = ? AND handle = ?",
                (time.time() + visibility, *_parse(letter.handle)),
            )
        if not visibility:
            self.bell.ring()

    def delete(self, letter: Letter) -> None:
        with self.database.write() as db:
            db.execute("DELETE FROM letters WHERE id = ? AND handle = ?", _parse(letter.handle))

    def depth(self) -> int:
        (waiting,) = (
            self.database.read()
            .execute(
                "SELECT count(*) FROM letters WHERE queue = ? AND visible_at <= ?",
                (self.name, time.time()),
            )
            .fetchone()
        )
        return int(waiting)

    def position(self, body: str) -> int | None:
        db = self.database.read()
        place = db.execute(
            "SELECT turn, id FROM letters WHERE queue = ? AND body = ? ORDER BY turn, id LIMIT 1",
            (self.name, body),
        ).fetchone()
        if place is None:
            return None
        (ahead,) = db.execute(
            """SELECT count(*) FROM (SELECT 1 FROM letters WHERE queue = ?
               AND (turn, id) < (?, ?) LIMIT ?)""",
            (self.name, *place, MAX_POSITION),
        ).fetchone()
        return int(ahead) if ahead < MAX_POSITION else None

    def _take(self, limit: int, visibility: float) -> list[Letter]:
        if not self._waiting(self.database.read(), 1):
            return []  # an idle queue is polled without taking the write lock
        letters: list[Letter] = []
        with self.database.write() as db:
            for row in self._waiting(db, min(limit, 10)):
                if row["receives"] >= self.max_receives:
                    self._bury(db, row["id"])
                else:
                    letters.append(self._hand_out(db, row, visibility))
        return letters

    def _waiting(self, db: sqlite3.Connection, limit: int) -> list[sqlite3.Row]:
        return db.execute(
            """SELECT id, tenant, body, turn, receives FROM letters
               WHERE queue = ? AND visible_at <= ? ORDER BY turn, id LIMIT ?""",
            (self.name, time.time(), limit),
        ).fetchall()

    def _hand_out(self, db: sqlite3.Connection, row: sqlite3.Row, visibility: float) -> Letter:
        token = secrets.token_hex(8)
        db.execute(
            "UPDATE letters SET visible_at = ?, receives = receives + 1, handle = ? WHERE id = ?",
            (time.time() + visibility, token, row["id"]),
        )
        self._remember(db, SERVED, row["turn"])
        return Letter(row["body"], f"{row['id']}.{token}", row["receives"] + 1, row["tenant"])

    def _bury(self, db: sqlite3.Connection, letter_id: int) -> None:
        db.execute(
            "UPDATE letters SET queue = ?, receives = 0, handle = NULL WHERE id = ?",
            (f"{self.name}-dead", letter_id),
        )

    def _next_turn(self, db: sqlite3.Connection, tenant: str) -> int:
        (last,) = db.execute(
            "SELECT coalesce(max(turn), 0) FROM turns WHERE queue = ? AND tenant IN (?, ?)",
            (self.name, SERVED, tenant),
        ).fetchone()
        self._remember(db, tenant, last + 1)
        return int(last) + 1

    def _remember(self, db: sqlite3.Connection, tenant: str, turn: int) -> None:
        db.execute(
            """INSERT INTO turns (queue, tenant, turn) VALUES (?, ?, ?)
               ON CONFLICT DO UPDATE SET turn = max(turn, excluded.turn)""",
            (self.name, tenant, turn),
        )


def _parse(handle: str) -> tuple[int, str]:
    letter_id, _, token = handle.partition(".")
    return int(letter_id), token
