"""The port contract's fixtures: `world`, one system over each set of adapters in turn."""

import os
import secrets
import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
import requests
from moto import mock_aws
from moto.sqs import models as moto_sqs

from shared.aws.clients import Clients
from tests.contract.emulator import Emulator, emulator
from tests.contract.worlds import World, in_the_cloud, one_machine

REGION = "eu-central-1"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test-" + secrets.token_hex(16),
    "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",
}
"""Nobody's: what the machine has of its own must not be found. Emulators know no endpoints by
account."""
CLOUDS = ["moto", pytest.param("ministack", marks=pytest.mark.slow)]
WRONG = (AssertionError, ValueError, requests.RequestException)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "wrong_on(emulator, reason): what it gets wrong; fails there, and only there"
    )
    config.addinivalue_line(
        "markers", "unfit_for(emulator, reason): what it gets wrong by chance; not tried there"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    unfit = [item for item in items if is_unfit(item)]
    config.hook.pytest_deselected(items=unfit)
    items[:] = [item for item in items if item not in unfit]
    for item in items:
        for mark in item.iter_markers("wrong_on"):
            emulated, reason = mark.args
            if f"[{emulated}" in item.name:
                item.add_marker(pytest.mark.xfail(strict=True, raises=WRONG, reason=reason))


def is_unfit(item: pytest.Item) -> bool:
    return any(f"[{mark.args[0]}" in item.name for mark in item.iter_markers("unfit_for"))


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with emulator(tmp_path_factory.mktemp("ministack"), CREDENTIALS) as running:
        yield running


@pytest.fixture(scope="session")
def moto_clients() -> Clients:
    """Made once: botocore reads megabytes for each. Moto stands in for what the SDK sends only."""
    clients = Clients()
    clients.wire = None
    return clients


@pytest.fixture(scope="session")
def ministack_clients(ministack: Emulator) -> Clients:
    return Clients(ministack.endpoint)


@pytest.fixture(params=["embedded", *CLOUDS])
def world(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    if request.param == "embedded":
        with socket.create_server(("127.0.0.1", 0)) as listening:
            yield one_machine(tmp_path, listening)
        return
    for variable, value in CREDENTIALS.items():
        monkeypatch.setenv(variable, value)
    clients: Clients = request.getfixturevalue(f"{request.param}_clients")
    name = f"atelier-{uuid4().hex[:12]}"
    if request.param == "moto":
        with mock_aws():
            yield replace(in_the_cloud("moto", clients, name), lapse=moto_clock(monkeypatch))
    else:
        yield in_the_cloud("ministack", clients, name)


def moto_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Sets the clock of moto's queues forward: nobody has to wait for it."""
    skipped = [0.0]
    for name, unit in (("unix_time", 1), ("unix_time_millis", 1000)):
        real = getattr(moto_sqs, name)
        shifted = partial(lambda real, unit: real() + sum(skipped) * unit, real, unit)
        monkeypatch.setattr(moto_sqs, name, shifted)
    return skipped.append
