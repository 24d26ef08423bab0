"""On one machine the fairness of the queue is exact. In the cloud SQS promises no order."""

from pathlib import Path

from shared.embedded.database import Database
from shared.embedded.queue import SqliteQueue


def served(queue: SqliteQueue, limit: int) -> list[str]:
    """The tenants of the next letters, one by one."""
    letters = [letter for _ in range(limit) for letter in queue.receive(1, 60)]
    return [letter.group for letter in letters]


def test_a_latecomer_waits_for_one_letter_of_the_noisy_tenant(tmp_path: Path) -> None:
    queue = SqliteQueue(Database(tmp_path), "fair")
    for number in range(50):
        queue.send(str(number), "noisy")
    assert served(queue, 10) == ["noisy"] * 10
    queue.send("a", "quiet")
    queue.send("b", "quiet")
    assert served(queue, 5).count("quiet") == 2


def test_tenants_alternate(tmp_path: Path) -> None:
    queue = SqliteQueue(Database(tmp_path), "fair")
    for tenant in ("a", "b", "c"):
        for number in range(4):
            queue.send(str(number), tenant)
    order = served(queue, 12)
    assert [set(order[turn : turn + 3]) for turn in range(0, 12, 3)] == [{"a", "b", "c"}] * 4


def test_a_tenants_own_letters_keep_their_order(tmp_path: Path) -> None:
    queue = SqliteQueue(Database(tmp_path), "fair")
    for number in range(5):
        queue.send(str(number), "a")
        queue.send("other", "b")
    letters = [letter for _ in range(10) for letter in queue.receive(1, 60)]
    assert [letter.body for letter in letters if letter.group == "a"] == list("01234")


def test_idle_time_earns_no_credit(tmp_path: Path) -> None:
    """Who was quiet for long does not then hold up everybody else."""
    queue = SqliteQueue(Database(tmp_path), "fair")
    for number in range(20):
        queue.send(str(number), "busy")
    served(queue, 15)
    for number in range(20):
        queue.send(str(number), "back")
    assert served(queue, 8).count("busy") in range(3, 6)
