"""How much is under way: enough that the device never waits, no more than can soon be finished."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition, Lock

from shared.ports import Letter, Queue

FRESH = 0.2
"""The weight of the newest measure in a running mean."""
FIRST = 1
"""Jobs that are taken while nothing is known of how long they occupy the device: more would only
wait here, where another worker might make them."""
MOST = 64
"""Jobs under way at the same time, and artworks made that are not stored yet."""
CALL, CALL_SECONDS = 10, 1.0
"""Messages that a queue gives at once, and how much work they should bring to be worth a call."""
LATE_SECONDS = 2.0
"""A job that takes so long to prepare is not counted on: others are taken meanwhile."""
TICK_SECONDS = 0.1


@dataclass(eq=False)
class Course:
    """One message's way through the worker."""

    queue: Queue
    letter: Letter
    begun: float = field(default_factory=time.monotonic)
    ready: bool = False
    """Its samples have come to the device."""
    made: bool = False
    """They have left it."""
    alone: bool = False
    device_seconds: float = 0.0
    """Its share of the device's time."""

    def come_again(self, seconds: float) -> None:
        """Its message is to be seen again so much later."""
        self.queue.extend(self.letter, seconds)


class Mean:
    """A running mean that forgets."""

    def __init__(self) -> None:
        self.value: float | None = None

    def note(self, value: float) -> None:
        self.value = value if self.value is None else self.value + FRESH * (value - self.value)


class Flow:
    """The courses under way between the queue and the store.

    By Little's law as many jobs are to be on their way to the device as it makes in the time that
    this way takes, and as many artworks may be on their way to the store as it makes in the time
    that takes. Twice that, since times vary; and two batches, one of them on the device.
    """

    def __init__(self, visibility: float) -> None:
        self.batch = 1
        """Samples in a batch, as the device now takes them."""
        self.ahead = 0.0
        """Seconds of work that wait for the device."""
        self._visibility = visibility
        self._courses: set[Course] = set()
        self._parked: list[Course] = []
        self._raw = 0
        self._lead, self._tail = Mean(), Mean()
        self._per_course, self._per_artwork = Mean(), Mean()
        self._lock = Lock()
        self._roomy, self._few, self._quiet = (Condition(self._lock) for _ in range(3))
        """There is room; few are on their way to the store; nothing goes on that would end."""

    def begin(self, queue: Queue, letter: Letter) -> Course:
        """A message was taken."""
        with self._lock:
            course = Course(queue, letter)
            self._courses.add(course)
            return course

    def end(self, course: Course) -> None:
        """Its work is over."""
        with self._lock:
            self._courses.discard(course)
            self._tell()

    def ready(self, course: Course) -> None:
        """Its samples wait for the device."""
        with self._lock:
            course.ready = True
            if not course.alone:
                self._lead.note(time.monotonic() - course.begun)

    def on_device(self, course: Course, samples: int, seconds: float) -> None:
        """The device has spent so long on so many of its samples; they are to be stored."""
        with self._lock:
            course.device_seconds += seconds
            self._per_artwork.note(seconds / samples)
            self._raw += samples

    def made(self, course: Course) -> None:
        """The device is done with it."""
        with self._lock:
            course.made = True
            self._per_course.note(course.device_seconds)
            self._tell()

    def stored(self, samples: int, seconds: float) -> None:
        """So many artworks were stored and committed, which took so long."""
        with self._lock:
            self._tail.note(seconds)
            self._release(samples)

    def given_up(self, samples: int) -> None:
        """So many artworks are not on their way to the store any more."""
        with self._lock:
            self._release(samples)

    def busy(self) -> bool:
        """Whether anything is under way."""
        with self._lock:
            return bool(self._courses)

    def room(self) -> int:
        """Messages to be taken now: none until it is worth a call."""
        with self._lock:
            return self._room()

    def wait_for_room(self) -> None:
        """A moment, or until there is some."""
        with self._lock:
            if not self._room():
                self._roomy.wait(TICK_SECONDS)

    def wait_for_stores(self) -> None:
        """Until no more is on its way to the store than may be."""
        with self._lock:
            self._few.wait_for(lambda: self._raw < self._bound())

    def wait_until_over(self) -> None:
        """Until nothing is under way."""
        with self._lock:
            while self._courses:
                self._quiet.wait(TICK_SECONDS)  # a signal is to be heard meanwhile

    def wait_until_ended(self, course: Course) -> None:
        """Until the work of one that is alone is over."""
        with self._lock:
            while course in self._courses:
                self._quiet.wait(TICK_SECONDS)

    @contextmanager
    def alone(self, course: Course, check: Callable[[], None]) -> Iterator[None]:
        """Wait until nothing else is under way, and begin nothing else until the block has ended.

        `check` is called meanwhile, and may raise.
        """
        with self._lock:
            self._parked.append(course)
        try:
            while not self._cleared(course):
                check()
            yield
        finally:
            with self._lock:
                course.alone = False
                self._parked = [other for other in self._parked if other is not course]
                self._tell()

    def _tell(self) -> None:
        """Whoever waits for what is so now; nobody is woken in vain."""
        if self._room():
            self._roomy.notify_all()
        if len(self._courses) == len(self._parked):
            self._quiet.notify_all()

    def _release(self, samples: int) -> None:
        self._raw -= samples
        if self._raw < self._bound():
            self._few.notify_all()

    def _room(self) -> int:
        if self._parked or any(course.alone for course in self._courses):
            return 0
        if self._courses and self.ahead > self._visibility / 4:
            return 0
        now, wanted = time.monotonic(), self._wanted()
        coming = sum(not c.made and not _late(c, now) for c in self._courses)
        room = min(wanted - coming, MOST - len(self._courses))
        return room if room >= min(wanted / 2, self._call()) else 0

    def _cleared(self, course: Course) -> bool:
        """Wait a moment. Says whether nothing is left but what waits for the same."""
        with self._lock:
            if self._parked[0] is course and len(self._courses) == len(self._parked):
                self._parked.remove(course)
                course.alone = True
            else:
                self._quiet.wait(TICK_SECONDS)
            return course.alone

    def _wanted(self) -> int:
        each, lead = self._per_course.value, self._lead.value
        if each is None or lead is None:
            return FIRST
        wanted = 2 * self.batch + _times(2 * lead, each)
        wanted += min(wanted, self._call())  # until a call is worth its while, some are used up
        return max(1, min(wanted, 1 + _times(self._visibility / 2, each, math.floor), MOST))

    def _call(self) -> int:
        each = self._per_course.value
        return CALL if each is None else min(CALL, _times(CALL_SECONDS, each))

    def _bound(self) -> int:
        each, tail = self._per_artwork.value, self._tail.value
        least = 2 * self.batch
        if each is None or tail is None:
            return least
        return min(max(least, _times(2 * tail, each)), MOST)


def _times(span: float, each: float, rounded: Callable[[float], int] = math.ceil) -> int:
    return rounded(min(span / max(each, 1e-6), MOST))


def _late(course: Course, now: float) -> bool:
    return not course.ready and now - course.begun > LATE_SECONDS
