"""The queue of webhooks goes to `deliver`, several at a time: a slow receiver holds up no other."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor

from local.http_events import Handler
from local.objects import WAIT_SECONDS, hand_over
from shared.ports import Letter
from shared.system import DELIVERIES, System

THREADS = 32
VISIBILITY_SECONDS = 90.0
"""Longer than `deliver` ever takes for one webhook."""


class Deliveries:
    """Takes a letter only when a thread is free for it."""

    def __init__(self, system: System, deliver: Handler) -> None:
        self._queue = system.queue(DELIVERIES)
        self._deliver = deliver
        self._threads = ThreadPoolExecutor(THREADS, "deliver")
        self._free = threading.Semaphore(THREADS)

    def turn(self) -> None:
        """Wait for a free thread and for letters, and hand each over in a thread of its own."""
        free = self._reserve()
        letters: list[Letter] = []
        try:
            letters = self._queue.receive(min(free, 10), VISIBILITY_SECONDS, WAIT_SECONDS)
        finally:
            if free > len(letters):
                self._free.release(free - len(letters))
        for letter in letters:
            self._threads.submit(self._hand_over, letter).add_done_callback(self._done)

    def _reserve(self) -> int:
        self._free.acquire()
        free = 1
        while free < 10 and self._free.acquire(blocking=False):
            free += 1
        return free

    def _hand_over(self, letter: Letter) -> None:
        hand_over(self._queue, DELIVERIES, [letter], self._deliver)

    def _done(self, _: "Future[None]") -> None:
        self._free.release()
