"""After the attacks: time goes by until nothing is left to do.

What waits for a quarter of an hour, or for a day, need not wait here: `sweep` runs in the suite's
own process at a time that is later with each round.
"""

import logging
import time
from dataclasses import replace
from datetime import datetime, timedelta

from functions.sweep.due import sweep
from shared.records import DUE_SHARDS, DeliveryRecord, JobRecord, Record
from shared.system import LANES, OBJECTS, System
from tests.chaos.clients import Clients
from tests.chaos.ledger import Ledger
from tests.chaos.stage import Stage

FIRST_SHIFT, LAST_SHIFT = timedelta(minutes=20), timedelta(days=365)
ROUND_SECONDS = 2.0
IN_ALL = 4
"""So many times the patience is waited at most, whatever progress there seems to be."""
ACTING_SECONDS = 180.0
EVER = timedelta(days=10_000)
MANY = 100_000


class Settling:
    """Waits for quiet, and hurries it on."""

    def __init__(self, stage: Stage, ledger: Ledger, clients: Clients, patience: float) -> None:
        """`patience`: seconds without any progress."""
        self._stage, self._ledger, self._clients = stage, ledger, clients
        self._patience = patience
        self._shift = FIRST_SHIFT
        self._taken: set[int] = set()

    def settle(self) -> list[str]:
        """What could not be waited for; empty where all is quiet."""
        logging.getLogger("sweep").setLevel(logging.CRITICAL)
        if not self._wait_for_acts():
            return ["clients are still asking"]
        begun = changed = time.monotonic()
        before = frozenset[str]()
        while left := self._left():
            now = time.monotonic()
            if left != before:
                changed, before = now, left
            if now > min(changed + self._patience, begun + IN_ALL * self._patience):
                return sorted(left)
            sweep(self._later(), per_shard=1000)
            self._shift = min(LAST_SHIFT, 3 * self._shift)
            time.sleep(ROUND_SECONDS)
        return []

    def _wait_for_acts(self) -> bool:
        """A request may come late, but none may come days late."""
        give_up = time.monotonic() + ACTING_SECONDS
        while self._clients.acting:
            if time.monotonic() > give_up:
                return False
            time.sleep(0.2)
        return True

    def _later(self) -> System:
        shift, now = self._shift, self._stage.system.now
        return replace(self._stage.system, now=lambda: now() + shift)

    def _left(self) -> frozenset[str]:
        """What is still to be done, told so that any progress shows."""
        system = self._stage.system
        left = {describe(record) for record in due(system, system.now() + EVER)}
        left |= {f"drop {number} was not taken" for number in self._untaken()}
        if self._clients.watching:
            left.add("clients are watching")
        waiting = sum(system.lane("standard", lane).depth() for lane in LANES)
        waiting += system.queue(OBJECTS).depth()
        return frozenset(left | ({f"{waiting} messages wait"} if waiting else set()))

    def _untaken(self) -> list[int]:
        """The dropped files that no job was made of yet."""
        dropped = [
            account.order
            for account in self._ledger.accounts.values()
            if account.order.way == "drop" and not account.ids
        ]
        for order in dropped:
            if order.number not in self._taken and self._is_taken(order.batch, order.number):
                self._taken.add(order.number)
        return [order.number for order in dropped if order.number not in self._taken]

    def _is_taken(self, batch: str, number: int) -> bool:
        jobs = self._stage.system.table.batch(f"{self._stage.tenant}/{batch}", None, MANY)
        return any(job.drop and job.drop.name == f"{number}.png" for job in jobs)


def due(system: System, until: datetime) -> list[Record]:
    """Every record that will ever be due."""
    shards = range(DUE_SHARDS)
    return [record for shard in shards for record in system.table.due(shard, until, MANY)]


def describe(record: Record) -> str:
    """What the record waits for, as far as it is progress when that changes."""
    told = f"{record.pk} {record.sk}"
    match record:
        case JobRecord():
            return f"{told} is {record.status}, attempt {record.attempt}, tries {record.tries}"
        case DeliveryRecord():
            return f"{told} is {record.state}, round {record.round}"
    return f"{told} is due"
