"""Which messages come next."""

import time
from threading import Timer

from gpu_worker.receive import BULK_EVERY, Receiver
from shared.embedded.bell import FALLBACK_SECONDS
from shared.system import System


def test_who_waits_hears_of_bulk_at_once(system: System) -> None:
    receiver, bulk = Receiver(system), system.lane("standard", "bulk")
    found = []
    for _ in range(5):
        receiver.next(1, wait=0.01)
        sender = Timer(0.1, bulk.send, ("hello", "local"))
        begun = time.monotonic()
        sender.start()
        while not receiver.next(1, wait=20)[1]:
            pass
        found.append(time.monotonic() - begun)
    assert min(found) < 0.8 * FALLBACK_SECONDS


def test_bulk_is_served_now_and_then_while_others_wait(system: System) -> None:
    receiver = Receiver(system)
    for lane in ("interactive", "bulk"):
        for _ in range(20):
            system.lane("standard", lane).send(lane, "local")  # type: ignore[arg-type]
    bodies = [receiver.next(1)[1][0].body for _ in range(2 * BULK_EVERY)]
    assert bodies.count("bulk") == 2


def test_as_many_come_as_there_is_room_for(system: System) -> None:
    receiver = Receiver(system)
    for number in range(20):
        system.lane("standard", "interactive").send(str(number), "local")
    assert len(receiver.next(3)[1]) == 3
    assert len(receiver.next(64)[1]) == 10
