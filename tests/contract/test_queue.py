"""The promises of `shared.ports.Queue`."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from shared.ports import Letter, Queue
from tests.contract.worlds import World

LONG = 60.0


def let_lapse(world: World) -> None:
    """Wait out one `tick` of invisibility."""
    world.lapse(world.tick * 1.1)


def take(queue: Queue, visibility: float = LONG) -> Letter:
    (letter,) = queue.receive(1, visibility, wait=1)
    return letter


def drain(queue: Queue) -> list[Letter]:
    """Everything that is visible, received and deleted."""
    found: list[Letter] = []
    while letters := queue.receive(10, LONG):
        found += letters
        queue.delete(*letters)
    return found


class TestLetters:
    def test_arrive_as_they_were_sent(self, world: World) -> None:
        body = '{"title": "星夜 <&> \\"a+b\\""}'
        world.queue.send(body, "ada")
        letter = take(world.queue)
        assert (letter.body, letter.receives, letter.group) == (body, 1, "ada")

    def test_are_gone_when_deleted(self, world: World) -> None:
        world.queue.send("a", "ada")
        world.queue.delete(take(world.queue, world.tick))
        let_lapse(world)
        assert world.queue.receive(10, LONG) == []

    def test_are_gone_however_many_are_deleted_at_once(self, world: World) -> None:
        for number in range(23):
            world.queue.send(str(number), "ada")
        held: list[Letter] = []
        while letters := world.queue.receive(10, LONG):
            held += letters
        world.queue.delete()
        world.queue.delete(*held[1:])
        world.queue.extend(held[0], 0)
        assert [letter.body for letter in drain(world.queue)] == [held[0].body]

    def test_come_ten_at_a_time_at_most(self, world: World) -> None:
        for number in range(12):
            world.queue.send(str(number), "ada")
        first = world.queue.receive(20, LONG)
        assert 1 <= len(first) <= 10
        assert len({letter.body for letter in first}) == len(first)
        assert len(world.queue.receive(2, LONG)) <= 2

    def test_stay_in_their_own_queue(self, world: World) -> None:
        world.system.lane("standard", "bulk").send("b", "ada")
        assert world.queue.receive(1, LONG) == []
        assert take(world.system.lane("standard", "bulk")).body == "b"

    def test_are_counted_while_they_wait(self, world: World) -> None:
        for body in ("a", "b", "c"):
            world.queue.send(body, "ada")
        assert world.queue.depth() == 3
        take(world.queue)
        assert world.queue.depth() == 2


class TestVisibility:
    def test_a_letter_is_held_until_its_time_is_up(self, world: World) -> None:
        world.queue.send("a", "ada")
        first = take(world.queue, world.tick)
        assert world.queue.receive(1, LONG) == []
        let_lapse(world)
        again = take(world.queue)
        assert (again.body, again.receives) == ("a", 2)
        assert again.handle != first.handle

    def test_can_be_extended(self, world: World) -> None:
        world.queue.send("a", "ada")
        letter = take(world.queue, world.tick)
        world.queue.extend(letter, LONG)
        let_lapse(world)
        assert world.queue.receive(1, LONG) == []

    def test_many_can_be_extended_each_by_a_time_of_its_own(self, world: World) -> None:
        for number in range(13):
            world.queue.send(str(number), "ada")
        held: list[Letter] = []
        while letters := world.queue.receive(10, LONG):
            held += letters
        soon, gone = held[0], held[1]
        world.queue.delete(gone)
        assert not world.queue.extend_all(dict.fromkeys(held, LONG) | {soon: 0})
        assert [letter.body for letter in drain(world.queue)] == [soon.body]

    def test_none_can_be_extended(self, world: World) -> None:
        assert not world.queue.extend_all({})

    def test_can_be_given_up_at_once(self, world: World) -> None:
        world.queue.send("a", "ada")
        world.queue.extend(take(world.queue), 0)
        assert take(world.queue).receives == 2

    def test_a_delayed_letter_is_not_there_before_its_time(self, world: World) -> None:
        world.queue.send("a", "ada", delay=world.tick)
        assert world.queue.receive(1, LONG) == []
        let_lapse(world)
        assert take(world.queue).body == "a"

    def test_a_receiver_that_waits_is_woken(self, world: World) -> None:
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(world.queue.receive, 1, LONG, 5)
            time.sleep(0.2)
            world.queue.send("a", "ada")
            sent_at = time.monotonic()
            assert [letter.body for letter in waiting.result()] == ["a"]
        assert time.monotonic() - sent_at < 2

    def test_a_receiver_waits_no_longer_than_asked(self, world: World) -> None:
        began = time.monotonic()
        assert world.queue.receive(1, LONG, wait=world.tick) == []
        assert world.tick * 0.9 <= time.monotonic() - began < world.tick + 1


class TestStaleHandles:
    """Their effect counts, not how they are answered: what another holds stays as it is."""

    def lapsed(self, world: World) -> tuple[Letter, Letter]:
        """The same letter, as its first receiver had it and as the second holds it."""
        world.queue.send("a", "ada")
        stale = take(world.queue, world.tick)
        let_lapse(world)
        return stale, take(world.queue, world.tick)

    @pytest.mark.wrong_on("moto", "a stale receipt handle deletes the letter all the same")
    def test_never_delete(self, world: World) -> None:
        stale, held = self.lapsed(world)
        world.queue.delete(stale)
        let_lapse(world)
        assert take(world.queue).body == held.body

    @pytest.mark.wrong_on("moto", "a stale receipt handle deletes the letter all the same")
    def test_do_not_keep_others_from_being_deleted(self, world: World) -> None:
        stale, held = self.lapsed(world)
        world.queue.send("b", "ada")
        other = take(world.queue, world.tick)
        world.queue.delete(stale, other)
        let_lapse(world)
        assert [letter.body for letter in drain(world.queue)] == [held.body]

    @pytest.mark.wrong_on("moto", "a stale receipt handle changes the visibility all the same")
    def test_never_make_a_held_letter_visible(self, world: World) -> None:
        stale, _ = self.lapsed(world)
        world.queue.extend(stale, 0)
        assert world.queue.receive(1, LONG) == []

    @pytest.mark.wrong_on("moto", "a stale receipt handle changes the visibility all the same")
    def test_never_hold_a_letter_longer(self, world: World) -> None:
        stale, _ = self.lapsed(world)
        world.queue.extend(stale, LONG)
        let_lapse(world)
        assert take(world.queue).receives == 3

    @pytest.mark.wrong_on("moto", "a stale receipt handle changes the visibility all the same")
    def test_never_change_anything_among_many(self, world: World) -> None:
        stale, _ = self.lapsed(world)
        world.queue.send("b", "ada")
        other = take(world.queue)
        assert not world.queue.extend_all({stale: LONG, other: 0})
        assert take(world.queue).body == "b"
        let_lapse(world)
        assert take(world.queue).receives == 3

    def test_of_deleted_letters_are_harmless(self, world: World) -> None:
        world.queue.send("a", "ada")
        letter = take(world.queue)
        world.queue.delete(letter)
        world.queue.delete(letter)
        world.queue.extend(letter, 0)
        world.queue.send("b", "ada")
        assert [other.body for other in drain(world.queue)] == ["b"]


class TestRedrive:
    def test_a_letter_that_is_never_deleted_ends_among_the_dead(self, world: World) -> None:
        world.frail.send("killer", "ada")
        counts = []
        for _ in range(2):
            counts.append(take(world.frail, world.tick).receives)
            let_lapse(world)
        assert counts == [1, 2]
        assert world.frail.receive(1, LONG) == []
        dead = take(world.frail_dead)
        assert (dead.body, dead.group) == ("killer", "ada")

    def test_what_is_alive_is_not_buried(self, world: World) -> None:
        world.frail.send("killer", "ada")
        for _ in range(2):
            world.frail.extend(take(world.frail), 0)
        world.frail.send("good", "ada")
        assert {letter.body for letter in drain(world.frail)} <= {"good"}
        assert [letter.body for letter in drain(world.frail)] in ([], ["good"])
        assert [letter.body for letter in drain(world.frail_dead)] == ["killer"]


class TestFairness:
    def test_nothing_is_lost_whoever_is_noisy(self, world: World) -> None:
        sent = Counter({"noisy": 40, "quiet": 3, "shy": 1})
        for tenant, letters in sent.items():
            for number in range(letters):
                world.queue.send(f"{tenant}-{number}", tenant)
        got = drain(world.queue)
        assert Counter(letter.group for letter in got) == sent
        assert len({letter.body for letter in got}) == sum(sent.values())
