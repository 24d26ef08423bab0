"""Telling the queues what is done with: side by side with the work, and by the batch."""

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Condition, Thread

from shared.ports import Letter, Queue

MOST = 10
LINGER_SECONDS = 0.1
"""For others to go along: nobody waits for a message to be deleted."""


class Acknowledger:
    """Deletes messages, in a thread of its own."""

    def __init__(self, troubled: Callable[[Exception], None]) -> None:
        """`troubled` is told of what fails: that message comes again, of a job that has ended."""
        self._troubled = troubled
        self._done: SimpleQueue[tuple[Queue, Letter] | None] = SimpleQueue()
        self._open = 0
        self._changed = Condition()
        Thread(target=self._run, name="acknowledger", daemon=True).start()

    def delete(self, queue: Queue, letter: Letter) -> None:
        """Soon."""
        with self._changed:
            self._open += 1
        self._done.put((queue, letter))

    def flush(self) -> None:
        """Return when all are deleted, or have failed."""
        self._done.put(None)
        with self._changed:
            self._changed.wait_for(lambda: not self._open)

    def _run(self) -> None:
        while True:
            taken = self._take()
            for queue in dict.fromkeys(queue for queue, _ in taken):
                self._delete(queue, [letter for of, letter in taken if of is queue])
            with self._changed:
                self._open -= len(taken)
                self._changed.notify_all()

    def _take(self) -> list[tuple[Queue, Letter]]:
        """What comes within a moment of the first; `None` says that somebody waits."""
        taken: list[tuple[Queue, Letter]] = []
        one = self._done.get()
        end = time.monotonic() + LINGER_SECONDS
        try:
            while one:
                taken.append(one)
                if len(taken) == MOST:
                    break
                one = self._done.get(timeout=max(0.0, end - time.monotonic()))
        except Empty:
            pass
        return taken

    def _delete(self, queue: Queue, letters: list[Letter]) -> None:
        try:
            queue.delete(*letters)
        except Exception as error:
            self._troubled(error)
