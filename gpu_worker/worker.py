"""The worker's loop: messages become attempts, as many at a time as keep the device busy."""

import os
import secrets
import socket
from contextlib import suppress
from threading import Thread

from gpu_worker.drain import Drain
from gpu_worker.intake import Intake
from gpu_worker.protection import Protection
from gpu_worker.receive import Receiver
from gpu_worker.registry import Registry
from gpu_worker.trouble import Trouble
from gpu_worker.watch import Watch
from gpu_worker.workshop import Workshop
from shared.errors import Unavailable
from shared.logs import Logger
from shared.system import System

logger = Logger(service="worker")


class Worker:
    """Takes jobs from its pool's queues and makes their artworks.

    The main thread receives and watches; what becomes of a message is the intake's.
    """

    def __init__(self, system: System, registry: Registry, drain: Drain) -> None:
        self.system, self.registry, self.drain = system, registry, drain
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self.receiver = Receiver(system)
        self.watch = Watch(system)
        self._trouble = Trouble(drain)
        workshop = Workshop(system, registry, drain)
        self._flow, self._occupancy = workshop.flow, workshop.occupancy
        self._intake = Intake(self.name, workshop, self.watch, self._trouble)

    def run(self) -> None:
        """Work until drained."""
        logger.info("ready", extra={"worker": self.name})
        self._protect()
        with self._occupancy.reporting():
            while not self.drain.asked:
                self._turn(self._flow.room())
                self._show_life()
            self._intake.wait_until_over()
        try:
            self.watch.leave()
        except Unavailable:  # then those messages come by themselves
            logger.warning("watched jobs could not be left to others")
        logger.info("drained", extra={"worker": self.name})

    def once(self) -> bool:
        """Look at one message, or wait a moment for one, and work until nothing is under way. Says
        whether there was any."""
        found = self._turn(1)
        self._intake.wait_until_over()
        self._trouble.settle()
        return found

    def _protect(self) -> None:
        """Where a service runs us that may stop us, it is told when there is work."""
        agent = self.system.settings.agent
        if agent:
            watch = Protection(agent, self._flow.busy).watch
            Thread(target=watch, args=(self.drain,), name="protection", daemon=True).start()

    def _show_life(self) -> None:
        """A health check looks when this was last."""
        if self.system.settings.turned:
            with suppress(OSError):  # then the check fails, and the work is ended in good order
                self.system.settings.turned.touch()

    def _turn(self, room: int) -> bool:
        """Take up to so many messages, if any come. Says whether any did."""
        self._trouble.settle()
        try:
            return self._next(room)
        except Exception as error:  # the messages come again
            self._trouble.note(error)
            self._trouble.settle()
            return True

    def _next(self, room: int) -> bool:
        lapsed = self.watch.due()
        if lapsed:
            self._intake.resume(lapsed)
            return True
        if not room:
            self._flow.wait_for_room()
            return False
        queue, letters = self.receiver.next(room)
        if letters:
            self._intake.take(queue, letters)
        else:
            self._trouble.clear()
        return bool(letters)
