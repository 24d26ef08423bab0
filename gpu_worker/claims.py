"""The jobs that are under way in this worker: a second message about one of them must wait."""

from threading import Lock


class Claims:
    """Job ids, each taken by one thread at a time."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._lock = Lock()

    def take(self, job_id: str) -> bool:
        """Whether it was free, and is the caller's now."""
        with self._lock:
            free = job_id not in self._taken
            self._taken.add(job_id)
            return free

    def give_back(self, job_id: str) -> None:
        """Done with it."""
        with self._lock:
            self._taken.discard(job_id)
