"""Telling the queues what is done with: side by side with the work, and by the batch."""

from collections.abc import Callable
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
        self._done: list[tuple[Queue, Letter]] = []
        self._open = self._hurried = 0
        self._changed = Condition()
        Thread(target=self._run, name="acknowledger", daemon=True).start()

    def delete(self, queue: Queue, letter: Letter) -> None:
        """Soon."""
        with self._changed:
            self._done.append((queue, letter))
            self._open += 1
            if len(self._done) in (1, MOST):  # nothing is woken for those between
                self._changed.notify_all()

    def flush(self) -> None:
        """Return when all are deleted, or have failed."""
        with self._changed:
            self._hurried += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._open)
            self._hurried -= 1

    def _run(self) -> None:
        while True:
            taken = self._take()
            for queue in dict.fromkeys(queue for queue, _ in taken):
                self._delete(queue, [letter for of, letter in taken if of is queue])
            with self._changed:
                self._open -= len(taken)
                self._changed.notify_all()

    def _take(self) -> list[tuple[Queue, Letter]]:
        """What comes within a moment of the first."""
        with self._changed:
            self._changed.wait_for(lambda: self._done)
            self._changed.wait_for(self._enough, LINGER_SECONDS)
            taken, self._done = self._done[:MOST], self._done[MOST:]
            return taken

    def _enough(self) -> bool:
        return self._hurried > 0 or len(self._done) >= MOST

    def _delete(self, queue: Queue, letters: list[Letter]) -> None:
        try:
            queue.delete(*letters)
        except Exception as error:
            self._troubled(error)
