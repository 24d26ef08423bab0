"""A worker of a service of ECS says that it works, to the agent that ECS tells it of."""

import json
from threading import Event

import pytest

from functions.submission import submit
from shared.settings import Settings
from shared.system import System
from tests.integration.working import request, working
from tests.receiver import Reply, receiving

GIVE_UP_SECONDS = 60
ENDLESS = {"seconds": 3600.0, "steps": 360_000}


@pytest.mark.slow
def test_a_worker_is_protected_while_it_works(
    system: System, chosen: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Event()
    with receiving(Reply(body=b'{"protection": {}}'), before=asked.set) as agent:
        monkeypatch.setenv("ECS_AGENT_URI", agent.url("/api/0123"))
        submit(system, "local", request("plain", params=ENDLESS))
        with working(chosen):
            assert asked.wait(GIVE_UP_SECONDS)
    (told,) = agent.requests
    assert (told.method, told.path) == ("PUT", "/api/0123/task-protection/v1/state")
    assert json.loads(told.body)["ProtectionEnabled"] is True
