"""What users write, and what opens doors, stays out of every log and out of what is published."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.machine import free_port, keys, running, wait_until
from tests.receiver import Receiver, Reply, receiving

PROMPT, PARAMETER, METADATA, FILENAME, BATCH, DROPPED = (
    f"{name}-4711-quokka"
    for name in ("prompt", "parameter", "metadata", "filename", "batch", "dropped")
)
HOOK_PATH, HOOK_QUERY, INPUT_QUERY, ORDER, PATH = (
    f"{name}-4711-quokka" for name in ("hook-path", "hook-query", "input-query", "order", "path")
)
WRITTEN = (PROMPT, PARAMETER, METADATA, FILENAME, BATCH, DROPPED, ORDER, PATH)
LINKS = (HOOK_PATH, HOOK_QUERY, INPUT_QUERY)
PUBLISHED = (METADATA, BATCH)
"""What the event of a job's end holds by contract; the file of published events may."""
SECONDS = 120
ENDED = {"succeeded", "failed", "canceled", "expired"}
PNG = b"\x89PNG\r\n\x1a\n" + PROMPT.encode()
"""No picture, whatever it begins with."""


@dataclass
class Studio:
    """A machine that others can reach, and one of them."""

    folder: Path
    log: Path
    key: str
    client: httpx.Client
    receiver: Receiver
    opened: list[str] = field(default_factory=list)
    """The signatures of every URL that was signed."""
    jobs: list[str] = field(default_factory=list)

    def submit(self, model: str = "plain", **more: Any) -> httpx.Response:
        given = {"text": PROMPT} | more.pop("input", {})
        body = {"model": model, "input": given, "metadata": {"note": METADATA}, **more}
        answered = self.client.post("v1/jobs", json=body)
        if answered.status_code == 202:
            self.jobs.append(answered.json()["id"])
        return answered

    def upload(self, data: bytes, **job: Any) -> str:
        wish = {"content_type": "image/png", "size": len(data), "filename": FILENAME, **job}
        ticket = self.client.post("v1/uploads", json=wish).json()
        put = urlsplit(ticket["url"])
        self.opened.append(put.query.rpartition("=")[2])
        self.client.put(f"{put.path}?{put.query}", content=data, headers=ticket["headers"])
        if ticket["job_id"]:
            self.jobs.append(ticket["job_id"])
        return str(ticket["job_id"] or ticket["id"])

    def job(self, job_id: str) -> Any:
        seen = self.client.get(f"v1/jobs/{job_id}").json()
        for artwork in seen.get("artworks", []):
            query = urlsplit(artwork["url"]).query
            self.opened.append(query.rpartition("=")[2])
        return seen

    def secrets(self) -> list[bytes]:
        """Everything that opens a door."""
        master = (self.folder / "secret").read_bytes()
        webhook = keys(self.folder, "webhook-secret").removeprefix("whsec_")
        texts = (self.key, self.key.rpartition("_")[2], webhook, *self.opened, *LINKS)
        return [master, master.hex().encode(), *(text.encode() for text in texts)]

    def logs(self) -> dict[str, bytes]:
        paths = [self.log, *(self.folder / "logs").iterdir()]
        return {path.name: path.read_bytes() for path in paths}

    def events(self) -> bytes:
        return (self.folder / "events.jsonl").read_bytes()


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A system that has had a hard day."""
    folder = tmp_path_factory.mktemp("studio")
    key, port = keys(folder, "create", "--name", "test"), str(free_port())
    with (
        running(
            folder,
            *("--models", "tests.leaky_models", "--port", port),
            ATELIER_PUBLIC_URL=f"http://studio.example:{port}",
            ATELIER_ALLOW_NETWORKS="127.0.0.0/8",
            ATELIER_LOG_LEVEL="DEBUG",
            ATELIER_MAX_TRIES="2",
            PYTHONWARNINGS="always",
        ) as atelier,
        receiving(Reply(status=500)) as receiver,
        httpx.Client(base_url=atelier.url, headers={"Authorization": f"Bearer {key}"}) as client,
    ):
        client.timeout = httpx.Timeout(60)
        day = Studio(folder, atelier.log, key, client, receiver)
        live(day)
        yield day


def live(studio: Studio) -> None:
    """Jobs that succeed, fail, are refused and deleted; receivers and services that do not work."""
    hook = studio.receiver.url(f"/{HOOK_PATH}?token={HOOK_QUERY}")
    dead = f"http://127.0.0.1:9/{HOOK_PATH}?token={HOOK_QUERY}"
    picture = studio.receiver.url(f"/picture?token={INPUT_QUERY}")
    assert studio.submit(webhook=hook).status_code == 202
    assert studio.submit("leaky", webhook=dead).status_code == 202
    assert studio.submit("broken").status_code == 202
    assert studio.submit(input={"image": {"url": picture}}).status_code == 202
    studio.upload(PNG, job={"model": "paint", "metadata": {"note": METADATA}})
    refuse(studio)
    drop(studio)
    wait_until(lambda: all(studio.job(job)["status"] in ENDED for job in studio.jobs), SECONDS)
    wait_until(lambda: studio.receiver.requests, SECONDS)
    wait_until(lambda: b"webhook tried" in studio.logs()["pump.log"], SECONDS)
    spoil(studio)
    gone = studio.submit().json()["id"]
    assert studio.client.delete(f"v1/jobs/{gone}").status_code == 204


def refuse(studio: Studio) -> None:
    """What the api says no to."""
    client = studio.client
    assert studio.submit(params={"steps": PARAMETER}).status_code == 422
    assert studio.submit(params={PARAMETER: 1}).status_code == 422
    assert studio.submit(PROMPT).status_code == 404
    assert studio.submit(webhook=f"ftp://{HOOK_PATH}").status_code == 422
    headers = {"Idempotency-Key": f"{ORDER} x", "Content-Type": "application/json"}
    assert client.post("v1/jobs", json={"model": PROMPT}, headers=headers).status_code == 422
    assert client.post("v1/jobs", content=f'{{"{PROMPT}', headers=headers).status_code == 400
    assert client.get(f"v1/{PATH}?{PATH}").status_code == 404
    assert client.get(f"v1/jobs/{PATH}").status_code == 422
    assert client.get(f"blobs/inbox/{PATH}?signature={PATH}").status_code == 403
    stranger = {"Authorization": f"Bearer {studio.key[:-1]}A"}
    assert client.get("v1/jobs", headers=stranger).status_code in (200, 401)


def drop(studio: Studio) -> None:
    """A drop with settings that cannot be used, and one with a picture that is none."""
    for batch, settings in ((f"{BATCH}-1", {"input": {PROMPT: PROMPT}}), (f"{BATCH}-2", {})):
        folder = studio.folder / "drops" / "local" / batch
        folder.mkdir(parents=True)
        wrong = {"seed": PARAMETER} if settings else {}
        (folder / "atelier.json").write_text(json.dumps({**settings, **wrong}))
        (folder / f"{DROPPED}.png").write_bytes(PNG)
        jobs = partial(dropped, studio, batch)
        wait_until(jobs, SECONDS)
        (one,) = jobs()
        studio.jobs.append(one["id"])


def dropped(studio: Studio, batch: str) -> list[Any]:
    """The jobs of the batch."""
    found: list[Any] = studio.client.get(f"v1/jobs?batch={batch}").json()["items"]
    return found


def spoil(studio: Studio) -> None:
    """A record that cannot be read any more: whoever reads it raises an error that quotes it."""
    data = PNG + b"2"
    wish = {"content_type": "image/png", "size": len(data), "job": {"model": "plain"}}
    ticket = studio.client.post("v1/uploads", json=wish).json()
    with sqlite3.connect(studio.folder / "atelier.db", timeout=30) as database:
        spoiled = json.dumps({"id": PROMPT, "count": PROMPT, "input": PROMPT})
        where = "pk = ? AND sk = 'job'"
        database.execute(f"UPDATE items SET body = ? WHERE {where}", (spoiled, ticket["job_id"]))
    database.close()
    assert studio.client.get(f"v1/jobs/{ticket['job_id']}").status_code == 500
    put = urlsplit(ticket["url"])
    studio.client.put(f"{put.path}?{put.query}", content=data, headers=ticket["headers"])
    wait_until(lambda: b"ValidationError" in studio.logs()["pump.log"], SECONDS)


@pytest.mark.slow
def test_no_log_holds_what_users_write_or_what_opens_doors(studio: Studio) -> None:
    secrets = [text.encode() for text in WRITTEN] + studio.secrets()
    for name, log in studio.logs().items():
        assert log, name
        for line in log.splitlines():
            found = [secret for secret in secrets if secret in line]
            assert not found, f"{name}: {line[:2000]!r}"


@pytest.mark.slow
def test_what_is_published_holds_no_prompt_and_no_key(studio: Studio) -> None:
    published = studio.events()
    assert published.count(b"\n") >= len(studio.jobs) - 1
    hidden = [text.encode() for text in WRITTEN if text not in PUBLISHED] + studio.secrets()
    assert not [secret for secret in hidden if secret in published]
    for request in studio.receiver.requests:
        assert not [secret for secret in hidden if secret in request.body]


@pytest.mark.slow
def test_errors_of_jobs_quote_nothing(studio: Studio) -> None:
    """They are published with the job's end."""
    for job_id in studio.jobs:
        error = json.dumps(studio.job(job_id).get("error"))
        assert not [text for text in (*WRITTEN, *LINKS) if text in error], error


@pytest.mark.slow
def test_manifests_hold_the_prompt_and_no_door(studio: Studio) -> None:
    manifests = [path.read_bytes() for path in studio.folder.rglob("*.manifest.json")]
    assert manifests
    assert any(PROMPT.encode() in one for one in manifests)
    assert not [secret for secret in studio.secrets() for one in manifests if secret in one]


@pytest.mark.slow
def test_strangers_are_told_nothing(studio: Studio) -> None:
    other = keys(studio.folder, "create", "--tenant", "other")
    headers = {"Authorization": f"Bearer {other}"}
    for job_id in studio.jobs:
        for path in (
            f"v1/jobs/{job_id}",
            f"v1/artworks/{job_id}-0",
            f"v1/jobs/{job_id}/deliveries",
        ):
            answered = studio.client.get(path, headers=headers)
            assert answered.status_code == 404
            assert not [text for text in (*WRITTEN, *LINKS) if text in answered.text]
