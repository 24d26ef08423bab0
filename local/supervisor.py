"""Starts the processes of one machine, starts again whichever dies, and ends them all."""

import logging
import os
import selectors
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from local.child import Child, Program
from local.lock import FolderLock
from local.ready import READY
from local.watchdog import Watchdog

logger = logging.getLogger("supervisor")

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOG_BYTES = 16 * 2**20
LOG_LOOK_SECONDS = 60.0
TAIL_BYTES = 2000

Say = Callable[[str], None]


class StartFailed(Exception):
    """A process that everything depends on does not start."""


class Supervisor:
    """Runs `programs`; in the end `last` are stopped after the others."""

    def __init__(
        self,
        programs: list[Program],
        last: str,
        lock: FolderLock,
        watchdog: Watchdog,
        say: Say,
        listening: socket.socket,
    ) -> None:
        self._children = [Child(program) for program in programs]
        self._last = last
        self._lock = lock
        self._watchdog = watchdog
        self._say = say
        self._listening = listening
        self._selector = selectors.DefaultSelector()
        self._bell, self._rope = socket.socketpair()
        self._stops = 0
        self._was_ready = False
        self._next_log_look = time.monotonic() + LOG_LOOK_SECONDS

    def run(self, on_ready: Callable[[], None]) -> None:
        """Until a signal or `stop`; `on_ready` is called once, when all is up."""
        with self._signals():
            try:
                while not self._stops:
                    self._start_due()
                    self._wait(self._next_moment())
                    self._look_after()
                    self._tell_ready(on_ready)
                self._drain()
            finally:
                for child in self._children:
                    child.kill()
                self._reap()
                self._close()

    def stop(self) -> None:
        """End everything, in good order. May be called from any thread."""
        self._stops += 1
        self._rope.send(b"!")

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Signals wake the loop: those that stop us, and the news that a child has died."""
        for end in (self._bell, self._rope):
            end.setblocking(False)
        self._selector.register(self._bell, selectors.EVENT_READ)
        ours = [number for number in STOP_SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
        handlers = {number: signal.signal(number, self._on_stop) for number in ours}
        handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        before = signal.set_wakeup_fd(self._rope.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            for number, handler in handlers.items():
                signal.signal(number, handler)

    def _on_stop(self, *_: object) -> None:
        self._stops += 1

    def _start_due(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.again_at is not None and child.again_at <= now:
                self._start(child, now)

    def _start(self, child: Child, now: float) -> None:
        try:
            child.start(now)
        except OSError as error:  # no room for its log, no more processes
            child.plan_restart(now)
            name = child.program.name
            logger.error("no start", extra={"child": name, "reason": error.strerror})
            return
        if child.output:
            self._selector.register(child.output, selectors.EVENT_READ, child)
        self._lock.write([known.pid for known in self._children if known.pid])

    def _next_moment(self) -> float:
        planned = [child.again_at for child in self._children if child.again_at is not None]
        return min([*planned, self._next_log_look, self._watchdog.next_look])

    def _wait(self, moment: float) -> None:
        """Sleep until then, or until something happens."""
        for key, _ in self._selector.select(max(0.0, moment - time.monotonic())):
            if key.fileobj is self._bell:
                self._bell.recv(4096)
            else:
                self._hear(key.data)

    def _hear(self, child: Child) -> None:
        """What a child prints before it is ready; afterwards it prints to its log."""
        output = child.output
        said = os.read(output.fileno(), 65536) if output else b""
        child.ready = child.ready or READY in said
        if output and not said:
            self._selector.unregister(output)

    def _look_after(self) -> None:
        now = time.monotonic()
        for child in self._children:
            output = child.output
            status = child.ended()
            if status is not None:
                self._forget(output)
                self._mourn(child, status, now)
        self._end_stuck(self._watchdog.look(now))
        if now >= self._next_log_look:
            self._next_log_look = now + LOG_LOOK_SECONDS
            for log in {child.program.log for child in self._children}:
                with suppress(OSError):
                    turn_over(log)

    def _end_stuck(self, pid: int | None) -> None:
        """A child that is stopped or hangs within a transaction: SQLite undoes that."""
        for child in self._children:
            if pid is not None and child.pid == pid:
                name = child.program.name
                logger.error("a process holds up all others", extra={"child": name, "pid": pid})
                self._say(f"{name} is stuck while it writes and holds up all others; it is killed")
                child.kill()

    def _forget(self, output: object) -> None:
        for key in list(self._selector.get_map().values()):
            if key.fileobj is output:
                self._selector.unregister(key.fileobj)

    def _mourn(self, child: Child, status: int, now: float) -> None:
        how = describe(status)
        name, log = child.program.name, child.program.log
        if child.program.tells_ready and not self._was_ready:
            raise StartFailed(f"{name} {how} while it started; {log} ends with:\n{tail(log)}")
        wait = child.plan_restart(now) - now
        logger.warning("a process ended", extra={"child": name, "status": status, "wait": wait})
        when = f"in {wait:.2g} s" if wait else "now"
        self._say(f"{name} {how}; it is started again {when}. Its log: {log}")

    def _tell_ready(self, on_ready: Callable[[], None]) -> None:
        waited_for = (child for child in self._children if child.program.tells_ready)
        if not self._was_ready and all(child.ready for child in waited_for):
            self._was_ready = True
            on_ready()

    def _drain(self) -> None:
        """The front and the workers end first, the pump carries what they leave."""
        self._listening.close()
        busy = [child for child in self._children if child.program.name != self._last]
        self._end(busy)
        self._end([child for child in self._children if child.program.name == self._last])

    def _end(self, children: list[Child]) -> None:
        hurry = self._stops + 1
        begun = time.monotonic()
        for child in children:
            child.terminate()
        while any(child.process for child in children) and self._stops < hurry:
            ends = [begun + child.program.patience for child in children if child.process]
            if time.monotonic() >= max(ends):
                break
            self._wait(min((end for end in ends if end > time.monotonic()), default=0.0))
            for child in children:
                self._end_one(child, begun)
        for child in children:
            child.kill()

    def _end_one(self, child: Child, begun: float) -> None:
        output = child.output
        if time.monotonic() >= begun + child.program.patience:
            child.kill()
        if child.ended() is not None:
            self._forget(output)

    def _reap(self) -> None:
        for child in self._children:
            if child.process:
                child.process.wait()
                child.ended()

    def _close(self) -> None:
        self._listening.close()
        self._selector.close()
        self._bell.close()
        self._rope.close()


def describe(status: int) -> str:
    """How a process ended, in words."""
    if status >= 0:
        return f"ended with status {status}"
    return f"was ended by {signal.Signals(-status).name}"


def tail(log: Path) -> str:
    """The last lines of a log."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - TAIL_BYTES))
        return file.read().decode(errors="replace").strip()


def turn_over(log: Path) -> None:
    """Keep a log that has grown large as `<name>.1`, and begin anew in place: all append."""
    if log.exists() and log.stat().st_size > LOG_BYTES:
        kept = log.with_name(f"{log.name}.1")
        try:
            shutil.copyfile(log, kept)
        except OSError:  # a full disk: nothing is worth less room than an old log
            kept.unlink(missing_ok=True)
        os.truncate(log, 0)
