"""The system in the cloud as a stage: real processes on the adapters of AWS, an emulator, and a
wire between them on which requests and answers get lost."""

import json
import os
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest.mock import patch

from shared.aws import cloud
from shared.aws.clients import Clients
from shared.settings import Settings
from tests.chaos.cloud.courier import Courier
from tests.chaos.cloud.deployment import TOLD, deploy
from tests.chaos.cloud.hosts import Hosts, describe_models
from tests.chaos.cloud.keeper import Keeper
from tests.chaos.faults.control import Faults
from tests.chaos.local import MODELS
from tests.chaos.stage import Role, Target
from tests.contract.conftest import CREDENTIALS
from tests.contract.emulator import emulator

START_SECONDS = 180.0
BACKLOG = 256
ROLES: dict[str, Role] = {"front": "front", "pump": "pump", "worker": "worker"}
USUAL: dict[str, Any] = {
    "default_model": "plain",
    "models": (MODELS,),
    "device": "cpu",
    "heartbeat": 0.3,
    "allow_networks": ("127.0.0.0/8",),
}


class Cloud:
    """Fronts, a pump and workers, each on a host of its own with a clock of its own."""

    headers: Mapping[str, str] = MappingProxyType({})
    tenant = "local"
    disk = None

    def __init__(
        self, folder: Path, faults: Faults, workers: int, tries: int, visibility: float
    ) -> None:
        self.faults = faults
        self.drops = folder / "drops"
        self.drops.mkdir(parents=True)
        self._folder = folder
        self._told: list[tuple[str, Any]] = []
        with ExitStack() as things:
            # The suite's own view has no other credentials.
            things.enter_context(patch.dict(os.environ, CREDENTIALS))
            emulated = things.enter_context(emulator(folder, CREDENTIALS))
            wire, front = (things.enter_context(listen()) for _ in range(2))
            self.url = url_of(front)
            clients = Clients(emulated.endpoint)
            deployed = deploy(clients, "chaos", describe_models(folder))
            self.system = cloud(deployed, clients)
            ours = {"aws_endpoint": url_of(wire), "public_url": self.url}
            asked = {"max_tries": tries, "visibility": visibility}
            settings = Settings.model_validate(deployed.model_dump() | USUAL | ours | asked)
            self._hosts = Hosts(folder, faults, settings)
            self._line = Keeper([self._hosts.wire(wire, emulated.port)])
            self._keeper = Keeper(list(self._hosts.system(front, emulated.endpoint, workers)))
            self._things = things.pop_all()
        self._courier = Courier(self.drops, self.system.inbox, f"drops/{self.tenant}")

    def start(self) -> None:
        self._line.start()
        self._keeper.start()
        self._courier.start()
        give_up = time.monotonic() + START_SECONDS
        while not answers(self.url):
            if time.monotonic() > give_up:
                raise TimeoutError(f"the system does not start: see {self._folder}/log")
            time.sleep(0.1)

    def stop(self) -> None:
        self._courier.stop()
        self._keeper.stop()
        self._line.stop()
        self._things.close()

    def keep(self) -> Path:
        """The logs lie where the suite keeps its own."""
        return self._folder

    def targets(self) -> list[Target]:
        return [Target(ROLES[name.partition("-")[0]], pid) for name, pid in self._keeper.living()]

    def power_cut(self) -> int:
        killed = self._keeper.kill()
        self.start()
        return killed

    def move_clock(self, seconds: float) -> None:
        self._hosts.skew(bool(seconds))

    def deaths(self) -> list[str]:
        return self._keeper.deaths + self._line.deaths

    def told(self) -> Iterator[tuple[str, Any]]:
        queue = self.system.queue(TOLD)
        while letters := queue.receive(10, 60):
            for letter in letters:
                told = json.loads(letter.body)
                self._told.append((told["id"], told["event"]))
                queue.delete(letter)
        return iter(self._told)


def listen() -> socket.socket:
    """A socket for processes that come and go: while there is none, callers wait."""
    return socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)


def url_of(listening: socket.socket) -> str:
    """Where the socket is reached."""
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


def answers(url: str) -> bool:
    """Whether somebody is there, be it to say that the system is not ready."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
