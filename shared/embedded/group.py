"""Group commit: threads that write at the same time share one transaction.

A disk makes ten writes durable in the time of one. Whoever leads begins the transaction, runs the
work of all who have come meanwhile, each within a part of its own, and commits once. Nobody is told
that something is written before that.
"""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Generic, TypeVar, cast

from shared.embedded.convoy import Convoy, Errand
from shared.embedded.faults import told
from shared.errors import Unavailable

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]
Transaction = Callable[[], AbstractContextManager[sqlite3.Connection]]

MOST = 64
"""Parts of one transaction: the first of them waits for the last."""


def first(db: sqlite3.Connection, work: Work[T]) -> T:
    """Run the work in a transaction that has just begun, and begins anew where it raises: cheaper
    than a part of one."""
    try:
        return _done(db, work)
    except BaseException:
        if db.in_transaction:
            db.rollback()
            db.execute("BEGIN IMMEDIATE")
        raise


def within(db: sqlite3.Connection, work: Work[T]) -> T:
    """Run the work in a part of the transaction that is undone alone where it raises."""
    check(db)
    db.execute("SAVEPOINT part")
    try:
        answer = _done(db, work)
        db.execute("RELEASE part")
    except BaseException:
        if db.in_transaction:
            _undo(db)
        raise
    return answer


def _done(db: sqlite3.Connection, work: Work[T]) -> T:
    answer = work(db)
    if isinstance(answer, sqlite3.Cursor):  # another thread would end it amid our next use
        raise TypeError("a cursor stays within its transaction")
    check(db)
    return answer


def _undo(db: sqlite3.Connection) -> None:
    """Where even that fails the whole transaction goes."""
    try:
        db.execute("ROLLBACK TO part")
        db.execute("RELEASE part")
    except sqlite3.Error:
        db.rollback()


def check(db: sqlite3.Connection) -> None:
    """SQLite gives some transactions up of its own: what came next would be one of its own."""
    if not db.in_transaction:
        raise Unavailable("the database has given up this transaction")


class Part(Errand, Generic[T]):
    """One thread's work, and what came of it."""

    def __init__(self, work: Work[T]) -> None:
        super().__init__()
        self.work = work
        self._answer: T | None = None
        self._error: Exception | None = None

    def run(self, db: sqlite3.Connection, is_first: bool) -> None:
        """Raises only where the whole transaction is lost."""
        try:
            with told():
                self._answer = (first if is_first else within)(db, self.work)
        except Exception as error:
            self._error = error
            if not db.in_transaction:
                raise

    def fail(self, error: BaseException) -> None:
        """The transaction failed: nothing was written, whatever it looked like from within."""
        code = error.code if isinstance(error, Unavailable) else None
        self._error = Unavailable(f"nothing was written: {error}", code=code)
        self._error.__cause__ = error

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return cast(T, self._answer)


class Group(Convoy[Part[Any]]):
    """The threads of one process that write to one database."""

    def write(self, transaction: Transaction, work: Work[T]) -> T:
        """Run the work in a transaction, in whichever thread leads it; durable when it returns."""
        part = Part(work)
        self.go(part, lambda: self._lead(transaction))
        return part.result()

    def _lead(self, transaction: Transaction) -> None:
        taken: list[Part[Any]] = []
        try:
            with transaction() as db:
                while len(taken) < MOST and (part := self.next()):
                    taken.append(part)
                    part.run(db, is_first=len(taken) == 1)
        except BaseException as error:
            if not taken:  # it has not even begun, nor would it for those who wait
                while part := self.next():
                    taken.append(part)
            for part in taken:
                part.fail(error)
            if not isinstance(error, Exception):
                raise
        finally:
            for part in taken:
                part.end()
