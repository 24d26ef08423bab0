"""A queue in SQLite with the semantics of SQS standard queues, and fair among tenants.

Fairness is start-time fair queueing (Goyal, Vin, Cheng 1996): a letter's turn is one after the last
turn of its tenant, or after the turn that is being served if the tenant has been quiet. A tenant
with ten thousand letters and one with a single letter then alternate.

How long letters are held is told by a clock that does not jump; 0 is visible at once.
"""

import secrets
import sqlite3
import time

from shared.embedded import clock
from shared.embedded.bell import Bell
from shared.embedded.database import Database
from shared.ports import Letter

MAX_POSITION = 1000
"""Letters are counted up to here: a client far behind need not know how far."""
DEAD = "-dead"
SERVED = ""
"""The row of `turns` that holds the turn being served."""
WAITING = """SELECT id, tenant, body, turn, receives FROM letters
             WHERE queue = ? AND visible_at <= ? ORDER BY turn, id LIMIT ?"""


class SqliteQueue:
    """`shared.ports.Queue`. Dead letters go to the queue called `<name>-dead`, and stay there."""

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
                (self.name, group, body, turn, _moment(delay)),
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
                (_moment(visibility), *_parse(letter.handle)),
            )
        if not visibility:
            self.bell.ring()

    def delete(self, letter: Letter) -> None:
        with self.database.write() as db:
            db.execute("DELETE FROM letters WHERE id = ? AND handle = ?", _parse(letter.handle))

    def depth(self) -> int:
        ((waiting,),) = self.database.rows(
            "SELECT count(*) FROM letters WHERE queue = ? AND visible_at <= ?",
            (self.name, clock.now()),
        )
        return int(waiting)

    def release(self, body: str) -> None:
        """Visible at once, whoever held the letters with this body: the holder is dead."""
        with self.database.write() as db:
            db.execute(
                """UPDATE letters SET visible_at = 0, handle = NULL
                   WHERE queue = ? AND body = ? AND handle IS NOT NULL""",
                (self.name, body),
            )
        self.bell.ring()

    def position(self, body: str) -> int | None:
        places = self.database.rows(
            "SELECT turn, id FROM letters WHERE queue = ? AND body = ? ORDER BY turn, id LIMIT 1",
            (self.name, body),
        )
        if not places:
            return None
        ((ahead,),) = self.database.rows(
            """SELECT count(*) FROM (SELECT 1 FROM letters WHERE queue = ?
               AND (turn, id) < (?, ?) LIMIT ?)""",
            (self.name, *places[0], MAX_POSITION),
        )
        return int(ahead) if ahead < MAX_POSITION else None

    def _take(self, limit: int, visibility: float) -> list[Letter]:
        if not self.database.rows(WAITING, (self.name, clock.now(), 1)):
            return []  # an idle queue is polled without taking the write lock
        letters: list[Letter] = []
        with self.database.write() as db:
            waiting = db.execute(WAITING, (self.name, clock.now(), min(limit, 10))).fetchall()
            for row in waiting:
                if row["receives"] >= self.max_receives and not self.name.endswith(DEAD):
                    self._bury(db, row["id"])
                else:
                    letters.append(self._hand_out(db, row, visibility))
        return letters

    def _hand_out(self, db: sqlite3.Connection, row: sqlite3.Row, visibility: float) -> Letter:
        token = secrets.token_hex(8)
        db.execute(
            "UPDATE letters SET visible_at = ?, receives = receives + 1, handle = ? WHERE id = ?",
            (_moment(visibility), token, row["id"]),
        )
        self._remember(db, SERVED, row["turn"])
        return Letter(row["body"], f"{row['id']}.{token}", row["receives"] + 1, row["tenant"])

    def _bury(self, db: sqlite3.Connection, letter_id: int) -> None:
        db.execute(
            "UPDATE letters SET queue = ?, receives = 0, handle = NULL WHERE id = ?",
            (f"{self.name}{DEAD}", letter_id),
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


def _moment(delay: float) -> float:
    return clock.now() + delay if delay else 0.0


def _parse(handle: str) -> tuple[int, str]:
    letter_id, _, token = handle.partition(".")
    return int(letter_id), token
