"""Lasting threads beside the main one."""

from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import TypeVar

from shared.logs import Logger

logger = Logger(service="worker")

IDLE_SECONDS = 20.0
"""A thread that had nothing to do for so long ends."""

T = TypeVar("T")
Task = Callable[[], None]


class Crew:
    """As many threads as have work at the same time. They last, because to begin one costs as much
    as most work does, and keep no process alive: what never returns holds up nobody."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._tasks: SimpleQueue[Task] = SimpleQueue()
        self._idle = self._threads = 0
        self._owed = 0
        """Tasks for which no thread could be begun: who is free takes them."""
        self._lock = Lock()
        self._begin_thread()
        self._idle += 1

    def run(self, work: Task) -> None:
        """Run it at once, in a thread that has nothing to do or in a new one."""
        self._tasks.put(work)
        with self._lock:
            if self._idle:
                self._idle -= 1
                return
            self._owed += 1
            try:
                while self._owed:
                    self._begin_thread()
                    self._owed -= 1
            except RuntimeError:  # the system gives no more threads
                logger.warning("no thread can be started", extra={"tasks": self._owed})

    def submit(self, work: Callable[[], T]) -> "Future[T]":
        """As `run`; what it returns or raises is for who waits for it."""
        future: Future[T] = Future()
        self.run(lambda: _fulfil(future, work))
        return future

    def _work(self) -> None:
        while task := self._next():
            try:
                task()
            except BaseException:  # of a model
                logger.exception("a thread of the crew goes on")
            del task  # what it holds is not kept until the next one comes
            with self._lock:
                if self._owed:
                    self._owed -= 1
                else:
                    self._idle += 1

    def _begin_thread(self) -> None:
        Thread(target=self._work, name=self._name, daemon=True).start()
        self._threads += 1

    def _next(self) -> Task | None:
        while True:
            try:
                return self._tasks.get(timeout=IDLE_SECONDS)
            except Empty:
                with self._lock:
                    if self._idle and self._threads > 1:  # there is always one
                        self._idle -= 1
                        self._threads -= 1
                        return None  # else there is a task for this very thread


def _fulfil(future: "Future[T]", work: Callable[[], T]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # handed to the thread that waits
        future.set_exception(error)
