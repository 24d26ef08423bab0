"""The attacker."""

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from shared.records import JobRecord
from tests.chaos.attacks import Attack
from tests.chaos.stage import Stage, Target

STOP_SECONDS = (2.5, 6.0)
"""Longer than messages are held, so that whoever wakes is a zombie."""
FULL_SECONDS = (1.0, 3.0)
FALSE_SECONDS = (4.0, 10.0)
FARTHEST_CLOCK = 300.0
PAUSE_SECONDS = (0.2, 0.8)
LOOK_SECONDS = 0.1
WORK_SECONDS, TAKEN_SECONDS = 2.0, 60.0
MOST_BEHIND = 2
MANY = 1000


class Nemesis:
    """Carries out the attacks in a thread of its own, and sets right what it did."""

    def __init__(
        self,
        stage: Stage,
        attacks: list[Attack],
        accepted: Callable[[], int],
        rate: Sequence[Any],
        seed: int,
    ) -> None:
        """`rate` is what `Faults.rate` takes; in a calm no calls are failed."""
        self._stage, self._attacks, self._accepted = stage, list(attacks), accepted
        self._rate = rate
        self._chance = random.Random(f"attacks {seed}")
        self._undo: list[tuple[float, Callable[[], None]]] = []
        self._stopped: set[int] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.counts: Counter[str] = Counter()
        self.deaths: list[str] = []
        self.error: str | None = None

    def start(self) -> None:
        self._stage.faults.rate(*self._rate)
        self._thread.start()

    @property
    def keeps_up(self) -> bool:
        """Whether clients may go on: no more than so many attacks are overdue."""
        due = sum(1 for attack in self._attacks[: MOST_BEHIND + 1] if self._due(attack))
        return due <= MOST_BEHIND or not self._thread.is_alive()

    def finish(self) -> None:
        """Carry out what is left, then set all right."""
        self._over.set()
        self._thread.join()
        for _, undo in self._undo:
            undo()
        self._stage.faults.rate(0)
        self._stage.start()

    def _due(self, attack: Attack) -> bool:
        return self._over.is_set() or attack.mark <= self._accepted()

    def _run(self) -> None:
        try:
            while self._attacks or self._undo:
                self._set_right(time.monotonic())
                self._revive()
                if self._attacks and self._due(self._attacks[0]):
                    self._carry_out(self._attacks[0].kind)
                    self._attacks.pop(0)
                    time.sleep(self._chance.uniform(*PAUSE_SECONDS))
                time.sleep(LOOK_SECONDS)
        except Exception as error:
            self.error = f"the nemesis failed: {type(error).__name__}: {error}"

    def _set_right(self, now: float) -> None:
        for moment, undo in [one for one in self._undo if one[0] <= now]:
            undo()
            self._undo.remove((moment, undo))

    def _revive(self) -> None:
        """What has died whole though nobody killed it is started again, and told."""
        if not self._stage.targets():
            self.deaths.append("the whole system was gone")
            self._free_disk()
            self._stage.start()

    def _later(self, seconds: tuple[float, float], undo: Callable[[], None]) -> None:
        self._undo.append((time.monotonic() + self._chance.uniform(*seconds), undo))

    def _carry_out(self, kind: str) -> None:
        act, _, role = kind.partition(" ")
        attacks: dict[str, Callable[[], bool]] = {
            "kill": lambda: self._kill(role),
            "stop": lambda: self._stop(role),
            "power": self._power_cut,
            "spot": lambda: self._signal("worker", signal.SIGTERM) is not None,
            "full": self._fill,
            "false": self._falsify,
            "calm": self._calm,
            "wait": lambda: self._wait(float(role)),
            "zombies": lambda: self._zombies(int(role)),
        }
        done = attacks[act]()
        self.counts[kind if done else f"no {kind}"] += 1
        self._note(kind)

    def _note(self, what: str) -> None:
        """For whoever looks into what is kept: beside the journal, on the same clock."""
        with (self._stage.faults.folder / "attacks.log").open("a") as log:
            log.write(f"{time.monotonic():.3f} {what}\n")

    def _kill(self, role: str) -> bool:
        if role == "supervisor":
            self._wake_all()
            self._free_disk()
        done = self._signal(role, signal.SIGKILL) is not None
        if done and role == "supervisor":
            while self._stage.targets():
                time.sleep(LOOK_SECONDS)
            self._stage.start()
        return done

    def _stop(self, role: str) -> bool:
        target = self._signal(role, signal.SIGSTOP)
        if target is None:
            return False
        self._stopped.add(target.pid)
        self._later(STOP_SECONDS, lambda: self._wake(target.pid))
        return True

    def _signal(self, role: str, number: signal.Signals) -> Target | None:
        """To one living process of that role; where there is none just now, wait a little."""
        for _ in range(50):
            found = [one for one in self._targets(role) if one.pid not in self._stopped]
            if found:
                target = self._chance.choice(sorted(found, key=lambda one: one.pid))
                with suppress(ProcessLookupError):
                    os.kill(target.pid, number)
                    self._note(f"{number.name} to {role} {target.pid}")
                    return target
            time.sleep(0.1)
        return None

    def _targets(self, role: str) -> list[Target]:
        """Those of a role; a `holder` is a worker that has a job at this moment."""
        if role == "holder":
            held = self._held()
            return [one for one in self._targets("worker") if one.pid in held]
        return [one for one in self._stage.targets() if one.role == role]

    def _held(self) -> dict[int, JobRecord]:
        """The jobs that are worked on, by their holder's pid."""
        system, tenant = self._stage.system, self._stage.tenant
        running = system.table.owned(JobRecord, tenant, None, MANY, "running")
        return {int(job.holder.split("-")[-2]): job for job in running if job.holder}

    def _zombies(self, least: int) -> bool:
        """Once so many work, stop them until others have taken their jobs; then they go on."""
        give_up = time.monotonic() + TAKEN_SECONDS
        while len(held := self._held()) < least and time.monotonic() < give_up:
            time.sleep(LOOK_SECONDS)
        time.sleep(WORK_SECONDS)
        for pid in held:
            os.kill(pid, signal.SIGSTOP)
        self._stopped |= held.keys()
        while held and time.monotonic() < give_up:
            time.sleep(LOOK_SECONDS)
            for pid, job in list(held.items()):
                current = self._stage.system.table.get(JobRecord, job.id)
                if current and current.attempt > job.attempt:
                    self._wake(pid)
                    del held[pid]
        self._wake_all()
        return not held

    def _wake(self, pid: int) -> None:
        if pid in self._stopped:
            self._stopped.remove(pid)
            self._note(f"SIGCONT to {pid}")
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def _wake_all(self) -> None:
        for pid in list(self._stopped):
            self._wake(pid)

    def _power_cut(self) -> bool:
        self._stopped.clear()
        self._free_disk()
        return self._stage.power_cut() > 0

    def _fill(self) -> bool:
        disk = self._stage.disk
        if disk is None:
            return False
        disk.fill()
        self._later(FULL_SECONDS, disk.free)
        return True

    def _free_disk(self) -> None:
        """Nothing starts on a full disk."""
        if self._stage.disk:
            self._stage.disk.free()

    def _falsify(self) -> bool:
        self._stage.move_clock(self._chance.uniform(-FARTHEST_CLOCK, FARTHEST_CLOCK))
        self._later(FALSE_SECONDS, lambda: self._stage.move_clock(0))
        return True

    def _wait(self, seconds: float) -> bool:
        """No attack: time for what is under way."""
        time.sleep(seconds)
        return True

    def _calm(self) -> bool:
        self._stage.faults.rate(0)
        self._later((2.0, 6.0), lambda: self._stage.faults.rate(*self._rate))
        return True
