"""What is uploaded is announced to `ingest`, and its name survives the journey."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

import pytest
import requests

from shared.system import OBJECTS
from tests.contract.front import served
from tests.contract.resources import notify_of_objects
from tests.contract.worlds import World

NAMES = ["a.jpg", "my photo.jpg", "a+b.jpg", "星夜.jpg", "100%.jpg", "夏 a+b%2B/c d.png"]


@pytest.fixture
def watched(world: World) -> Iterator[World]:
    """The world with its inbox's events on their way to the queue of `ingest`."""
    if world.clients:
        notify_of_objects(world.clients, world.system.settings)
    with served(world):
        yield world


def upload(world: World, key: str, data: bytes = b"bytes") -> None:
    signed = world.system.inbox.sign_put(key, "image/jpeg", len(data), world.system.now())
    answer = requests.put(signed.url, data=data, headers=signed.headers, timeout=10)
    answer.raise_for_status()


def announced(world: World) -> dict[str, Any]:
    """The one object event that waits."""
    queue = world.system.queue(OBJECTS)
    bodies: list[dict[str, Any]] = []
    while letters := queue.receive(10, 60, wait=0 if bodies else 2):
        bodies += [json.loads(letter.body) for letter in letters]
    records = [record for body in bodies for record in body.get("Records", [])]
    (record,) = records
    return dict(record)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_restored_from_its_event(watched: World, name: str) -> None:
    key = f"drops/ada/夏 a+b/{name}"
    upload(watched, key)
    stored = announced(watched)["s3"]["object"]
    assert unquote_plus(stored["key"]) == key
    assert stored["key"].isascii()
    assert " " not in stored["key"]


def test_an_event_says_what_ingest_must_know(watched: World) -> None:
    upload(watched, "uploads/ada/01", b"12345678")
    record = announced(watched)
    assert record["eventName"].startswith("ObjectCreated:")
    assert record["s3"]["bucket"]["name"] == watched.system.settings.inbox_bucket
    assert record["s3"]["object"]["size"] == 8


@pytest.mark.wrong_on("moto", "its object events have no sequencer")
def test_an_event_can_be_told_from_another(watched: World) -> None:
    sequencers = []
    for key in ("uploads/ada/01", "uploads/ada/02"):
        upload(watched, key, key.encode())
        sequencers.append(announced(watched)["s3"]["object"].get("sequencer"))
    assert all(sequencers)
    assert len(set(sequencers)) == 2
