"""Group commit: threads that write at the same time share one transaction.

A disk makes ten writes durable in the time of one. Whoever comes first leads: it begins the
transaction, runs the work of all who have come meanwhile, each within a savepoint of its own, and
commits once. Nobody is told that something is written before that.
"""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from queue import SimpleQueue
from typing import Generic, TypeVar, cast

from shared.embedded.faults import told
from shared.errors import Unavailable

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

MOST = 64
"""Errands in one transaction: the first of them waits for the last."""


def within(db: sqlite3.Connection, work: Work[T]) -> T:
    """Run the work in a part of the transaction that is undone alone where it raises."""
    _check(db)
    db.execute("SAVEPOINT part")
    try:
        answer = work(db)
        if isinstance(answer, sqlite3.Cursor):  # another thread would end it amid our next use
            raise TypeError("a cursor stays within its transaction")
        _check(db)
        db.execute("RELEASE part")
    except BaseException:
        if db.in_transaction:
            _undo(db)
        raise
    return answer


def _undo(db: sqlite3.Connection) -> None:
    """Where even that fails the whole transaction goes."""
    try:
        db.execute("ROLLBACK TO part")
        db.execute("RELEASE part")
    except sqlite3.Error:
        db.rollback()


def _check(db: sqlite3.Connection) -> None:
    """SQLite gives some transactions up of its own: what came next would be one of its own."""
    if not db.in_transaction:
        raise Unavailable("the database has given up this transaction")


class Errand(Generic[T]):
    """One thread's work, and what came of it."""

    def __init__(self, work: Work[T]) -> None:
        self.work = work
        self.over = False
        self.wake: SimpleQueue[None] = SimpleQueue()
        self._answer: T | None = None
        self._error: Exception | None = None

    def run(self, db: sqlite3.Connection) -> None:
        """Raises only where the whole transaction is lost."""
        try:
            with told():
                self._answer = within(db, self.work)
        except Exception as error:
            self._error = error
            if not db.in_transaction:
                raise

    def fail(self, error: BaseException) -> None:
        """The transaction failed: nothing was written, whatever it looked like from within."""
        code = error.code if isinstance(error, Unavailable) else None
        self._error = Unavailable(f"nothing was written: {error}", code=code)
        self._error.__cause__ = error

    def end(self) -> None:
        self.over = True
        self.wake.put(None)

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return cast(T, self._answer)


class Group:
    """The threads of one process that write to one database."""

    def __init__(
        self, transaction: Callable[[], AbstractContextManager[sqlite3.Connection]]
    ) -> None:
        self._transaction = transaction
        self._waiting: deque[Errand[object]] = deque()
        self._leading = threading.Lock()

    def write(self, work: Work[T]) -> T:
        """Run the work in a transaction, in whichever thread leads it; durable when it returns."""
        errand = Errand(work)
        self._waiting.append(cast(Errand[object], errand))
        try:
            while not errand.over:
                self._lead_or_wait(errand)
        finally:
            if not errand.over:  # interrupted
                with suppress(ValueError):
                    self._waiting.remove(cast(Errand[object], errand))
            self._wake_next()
        return errand.result()

    def _lead_or_wait(self, errand: Errand[T]) -> None:
        if not self._leading.acquire(blocking=False):
            errand.wake.get()
            return
        try:
            self._lead()
        finally:
            self._leading.release()

    def _lead(self) -> None:
        taken: list[Errand[object]] = []
        try:
            with self._transaction() as db:
                while len(taken) < MOST and (errand := self._next()):
                    taken.append(errand)
                    errand.run(db)
        except BaseException as error:
            if not taken:  # it has not even begun, nor would it for those who wait
                while errand := self._next():
                    taken.append(errand)
            for errand in taken:
                errand.fail(error)
            if not isinstance(error, Exception):
                raise
        finally:
            for errand in taken:
                errand.end()

    def _next(self) -> Errand[object] | None:
        try:
            return self._waiting.popleft()
        except IndexError:
            return None

    def _wake_next(self) -> None:
        """Who came while a transaction was being committed, too late for it, leads the next one.

        Whoever sees a leader may leave: that one looks again when it has let go of the lead.
        """
        if self._waiting and not self._leading.locked():
            with suppress(IndexError):
                self._waiting[0].wake.put(None)
