"""A queue in SQLite with the semantics of SQS standard queues, and fair among tenants.

Fairness is start-time fair queueing (Goyal, Vin, Cheng 1996): a letter's turn is one after the last
turn of its tenant, or after the turn that is being served if the tenant has been quiet. A tenant
with ten thousand letters and one with a single letter then alternate.

How long letters are held is told by a clock that does not jump; 0 is visible at once.

A letter that was sent lasts. What is done to it later does not wait for the disk: power loss takes
back a receive, an extension or a deletion at worst, and then the letter comes again. That is no
more than was promised, as no letter is held in a new boot anyway, and the table says what is still
to be done about it. Attempts are counted, and fenced off, in the table. And whatever lasts that is
written later, such as the job's start, brings what was done before it to the disk too.
"""

import json
import secrets
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence

from shared.embedded import clock
from shared.embedded.bell import Bell
from shared.embedded.database import Database
from shared.ports import Letter

MAX_POSITION = 1000
"""Letters are counted up to here: a client far behind need not know how far."""
DEAD = "-dead"
SERVED = ""
"""The row of `turns` that holds the turn being served."""
READY = """SELECT id, tenant, body, turn, receives FROM letters
           WHERE queue = ? AND visible_at = 0 ORDER BY turn, id LIMIT ?"""
LAPSED = "queue = :queue AND visible_at > 0 AND visible_at <= :now"
ANY = f"""SELECT EXISTS (SELECT 1 FROM letters WHERE queue = :queue AND visible_at = 0) AS ready,
                 EXISTS (SELECT 1 FROM letters WHERE {LAPSED}) AS lapsed"""
PLACE = """SELECT (SELECT count(*) FROM (SELECT 1 FROM letters WHERE queue = :queue
               AND visible_at = 0 AND (turn, id) < (it.turn, it.id) LIMIT :most))
           FROM letters AS it WHERE queue = :queue AND body = :body ORDER BY turn, id LIMIT 1"""
"""How many letters stand before the first with this body."""
THESE = "id IN (SELECT value FROM json_each(:ids))"


class SqliteQueue:
    """`shared.ports.Queue`. Dead letters go to the queue called `<name>-dead`, and stay there."""

    def __init__(self, database: Database, name: str, max_receives: int = 100) -> None:
        self.database = database
        self.name = name
        self.max_receives = max_receives
        self.bell = Bell(database.folder, f"queue-{name.rpartition('-')[0] or name}")
        """The lanes of a pool have one: who waits at one of them is to look at both."""

    def send(self, body: str, group: str, delay: float = 0) -> None:
        def write(db: sqlite3.Connection) -> None:
            db.execute(
                """INSERT INTO letters (queue, tenant, body, turn, visible_at)
                   VALUES (?, ?, ?, ?, ?)""",
                (self.name, group, body, self._next_turn(db, group), _moment(delay)),
            )
            if not delay:
                self.database.ring(self.bell)

        self.database.write(write)

    def receive(self, limit: int, visibility: float, wait: float = 0) -> list[Letter]:
        """Returns early, with nothing, where the bell has rung for the pool's other lane."""
        give_up = time.monotonic() + wait
        if wait:
            self.bell.listen()
        rung = False
        while True:
            letters = self._take(limit, visibility, rung)
            left = give_up - time.monotonic()
            if letters or rung or left <= 0:
                return letters
            rung = self.bell.wait(left)

    def extend(self, letter: Letter, visibility: float) -> None:
        self.extend_all({letter: visibility})

    def extend_all(self, seconds: Mapping[Letter, float]) -> Sequence[Letter]:
        sql = "UPDATE letters SET visible_at = ? WHERE id = ? AND handle = ?"
        rows = [(_moment(held), *_parse(letter.handle)) for letter, held in seconds.items()]

        def write(db: sqlite3.Connection) -> None:
            db.executemany(sql, rows)
            if not all(seconds.values()):
                self.database.ring(self.bell)

        self.database.write(write, lasting=False)
        return ()

    def delete(self, *letters: Letter) -> None:
        handles = [_parse(letter.handle) for letter in letters]

        def write(db: sqlite3.Connection) -> None:
            db.executemany("DELETE FROM letters WHERE id = ? AND handle = ?", handles)

        if handles:
            self.database.write(write, lasting=False)

    def depth(self) -> int:
        ((waiting,),) = self.database.rows(
            f"""SELECT (SELECT count(*) FROM letters WHERE queue = :queue AND visible_at = 0)
                     + (SELECT count(*) FROM letters WHERE {LAPSED})""",
            {"queue": self.name, "now": clock.now()},
        )
        return int(waiting)

    def release(self, body: str) -> None:
        """Visible at once, whoever held the letters with this body: the holder is dead."""
        sql = """UPDATE letters SET visible_at = 0, handle = NULL
                 WHERE queue = ? AND body = ? AND handle IS NOT NULL"""

        def write(db: sqlite3.Connection) -> None:
            db.execute(sql, (self.name, body))
            self.database.ring(self.bell)

        self.database.write(write)

    def position(self, body: str) -> int | None:
        places = self.database.rows(PLACE, {"queue": self.name, "body": body, "most": MAX_POSITION})
        ahead = int(places[0][0]) if places else MAX_POSITION
        return ahead if ahead < MAX_POSITION else None

    def _take(self, limit: int, visibility: float, rung: bool) -> list[Letter]:
        """An idle queue is polled without taking the write lock; one that was rung is not idle."""
        moment = {"queue": self.name, "now": clock.now()}
        if not rung and not any(self.database.rows(ANY, moment)[0]):
            return []

        def write(db: sqlite3.Connection) -> list[Letter]:
            db.execute(f"UPDATE letters SET visible_at = 0 WHERE {LAPSED}", moment)
            return self._receive(db, min(limit, 10), visibility)

        return self.database.write(write, lasting=False)

    def _receive(self, db: sqlite3.Connection, limit: int, visibility: float) -> list[Letter]:
        ready = db.execute(READY, (self.name, limit)).fetchall()
        worn = [row for row in ready if row["receives"] >= self.max_receives]
        if worn and not self.name.endswith(DEAD):
            self._bury(db, worn)
            ready = [row for row in ready if row not in worn]
        return self._hand_out(db, ready, visibility) if ready else []

    def _hand_out(
        self, db: sqlite3.Connection, rows: Sequence[sqlite3.Row], visibility: float
    ) -> list[Letter]:
        token = secrets.token_hex(8)
        held = {"moment": _moment(visibility), "token": token, "ids": _ids(rows)}
        db.execute(
            f"""UPDATE letters SET visible_at = :moment, receives = receives + 1, handle = :token
                WHERE {THESE}""",
            held,
        )
        db.execute(
            """INSERT INTO turns (queue, tenant, turn) VALUES (?, ?, ?)
               ON CONFLICT DO UPDATE SET turn = max(turn, excluded.turn)""",
            (self.name, SERVED, rows[-1]["turn"]),
        )
        return [
            Letter(row["body"], f"{row['id']}.{token}", row["receives"] + 1, row["tenant"])
            for row in rows
        ]

    def _bury(self, db: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> None:
        db.execute(
            f"UPDATE letters SET queue = :dead, receives = 0, handle = NULL WHERE {THESE}",
            {"dead": f"{self.name}{DEAD}", "ids": _ids(rows)},
        )

    def _next_turn(self, db: sqlite3.Connection, tenant: str) -> int:
        """One after the later of the tenant's last turn and the turn that is being served."""
        ((turn,),) = db.execute(
            """INSERT INTO turns (queue, tenant, turn) VALUES (:queue, :tenant, 1 + coalesce(
                   (SELECT turn FROM turns WHERE queue = :queue AND tenant = :served), 0))
               ON CONFLICT DO UPDATE SET turn = max(turn + 1, excluded.turn) RETURNING turn""",
            {"queue": self.name, "tenant": tenant, "served": SERVED},
        ).fetchall()
        return int(turn)


def _ids(rows: Iterable[sqlite3.Row]) -> str:
    return json.dumps([row["id"] for row in rows])


def _moment(delay: float) -> float:
    return clock.now() + delay if delay else 0.0


def _parse(handle: str) -> tuple[int, str]:
    letter_id, _, token = handle.partition(".")
    return int(letter_id), token
