"""A worker that has work is protected from a shrinking fleet; one that has none is not."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from gpu_worker.drain import Drain
from gpu_worker.protection import (
    AGAIN_SECONDS,
    IDLE_SECONDS,
    OPEN_SECONDS,
    PROTECTED_MINUTES,
    Protection,
)
from tests.receiver import Receiver, Reply, receiving

DONE = Reply(body=b'{"protection": {"ProtectionEnabled": true, "TaskArn": "task"}}')
BLOCKED = Reply(body=b'{"failure": {"Arn": "task", "Reason": "DEPLOYMENT_BLOCKED"}}')
REFUSED = Reply(400, b'{"error": {"Code": "AccessDeniedException"}}')
STRANGE = Reply(502, b"<html>")
GIVE_UP_SECONDS = 30
ON = {"ProtectionEnabled": True, "ExpiresInMinutes": PROTECTED_MINUTES}
OFF = {"ProtectionEnabled": False}


@dataclass
class Task:
    """A worker's task: its agent, its clock, and whether it has work."""

    agent: Receiver
    now: float = 1000.0
    busy: bool = False

    def __post_init__(self) -> None:
        self.protection = Protection(self.agent.url("/v4/abc"), lambda: self.busy, lambda: self.now)

    def after(self, seconds: float, busy: bool) -> list[dict[str, Any]]:
        """What was asked of the agent when it was looked at then."""
        self.now, self.busy = self.now + seconds, busy
        before = len(self.agent.requests)
        self.protection.look()
        return [json.loads(one.body) for one in self.agent.requests[before:]]


@pytest.fixture
def task() -> Iterator[Task]:
    with receiving(DONE) as agent:
        yield Task(agent)


def test_who_has_nothing_to_do_asks_for_nothing(task: Task) -> None:
    assert task.after(0, busy=False) == []


def test_work_is_protected_at_once_and_by_the_agent(task: Task) -> None:
    assert task.after(0, busy=True) == [ON]
    (request,) = task.agent.requests
    assert (request.method, request.path) == ("PUT", "/v4/abc/task-protection/v1/state")
    assert request.headers["content-type"] == "application/json"


def test_between_jobs_that_follow_each_other_nothing_is_told(task: Task) -> None:
    task.after(0, busy=True)
    assert [task.after(IDLE_SECONDS - 1, busy=turn % 2 == 1) for turn in range(10)] == [[]] * 10


def test_who_has_had_nothing_to_do_for_a_while_may_go(task: Task) -> None:
    task.after(0, busy=True)
    assert task.after(IDLE_SECONDS - 1, busy=False) == []
    assert task.after(1, busy=False) == [OFF]
    assert task.after(1, busy=False) == []
    assert task.after(1, busy=True) == [ON]


def test_nobody_is_protected_for_ever(task: Task) -> None:
    """It lapses first, or a deploy would wait as long as there is work."""
    task.after(0, busy=True)
    almost = 60 * PROTECTED_MINUTES - 1
    assert task.after(almost, busy=True) == []
    assert task.after(OPEN_SECONDS, busy=True) == []
    assert task.after(1, busy=True) == [ON]


@pytest.mark.parametrize("answer", [BLOCKED, REFUSED, STRANGE])
def test_an_agent_that_cannot_is_asked_again_a_little_later(answer: Reply) -> None:
    with receiving(answer, DONE) as agent:
        task = Task(agent)
        assert task.after(0, busy=True) == [ON]
        assert task.after(AGAIN_SECONDS - 1, busy=True) == []
        assert task.after(1, busy=True) == [ON]
        assert task.after(AGAIN_SECONDS, busy=True) == []


def test_what_could_not_be_given_up_is_given_up_later() -> None:
    with receiving(DONE, BLOCKED, DONE) as agent:
        task = Task(agent)
        task.after(0, busy=True)
        assert task.after(IDLE_SECONDS, busy=False) == [OFF]
        assert task.after(AGAIN_SECONDS, busy=False) == [OFF]
        assert task.after(AGAIN_SECONDS, busy=False) == []


def test_where_no_agent_answers_the_work_goes_on() -> None:
    with receiving(DONE) as agent:
        task = Task(agent)
    task.busy = True
    task.protection.look()


def test_it_watches_until_the_worker_is_to_end() -> None:
    asked, drain = threading.Event(), Drain(60)
    with receiving(DONE, before=asked.set) as agent:
        protection = Protection(agent.url(""), lambda: True)
        thread = threading.Thread(target=protection.watch, args=(drain,), daemon=True)
        thread.start()
        assert asked.wait(GIVE_UP_SECONDS)
        drain.ask()
        thread.join(GIVE_UP_SECONDS)
    assert not thread.is_alive()
