"""A lasting thread beside the main one."""

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

T = TypeVar("T")
Task = Callable[[], None]


class Daemon:
    """A thread that runs what it is given, one after the other, and keeps no process alive.

    It lasts, because a thread's connections do: a new thread for each job would open new ones.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._tasks = self._begin()

    def submit(self, work: Callable[[], T]) -> "Future[T]":
        """Run it when all that was given before is done."""
        future: Future[T] = Future()
        self._tasks.put(lambda: _fulfil(future, work))
        return future

    def abandon(self) -> None:
        """Leave what it is running to itself: what is given from now on does not wait for that."""
        self.close()
        self._tasks = self._begin()

    def close(self) -> None:
        """End the thread once it has nothing to do."""
        self._tasks.put(None)

    def _begin(self) -> "SimpleQueue[Task | None]":
        tasks: SimpleQueue[Task | None] = SimpleQueue()
        Thread(target=_run, args=(tasks,), name=self._name, daemon=True).start()
        return tasks


def _run(tasks: "SimpleQueue[Task | None]") -> None:
    while task := tasks.get():
        task()


def _fulfil(future: "Future[T]", work: Callable[[], T]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # handed to the thread that waits
        future.set_exception(error)
