"""`python -m local up`, for real: its processes, its HTTP, and what kills it."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.connection import MAX_HEAD_BYTES
from tests.machine import (
    OWN_MODELS,
    PHOTO,
    ROOT,
    Running,
    command,
    keys,
    processes_of,
    running,
    start,
    wait_until,
)


@pytest.fixture(scope="module")
def atelier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One system for the tests that only talk to it."""
    data = tmp_path_factory.mktemp("atelier") / "data"
    with running(data, *OWN_MODELS, ATELIER_DEFAULT_MODEL="plain") as one:
        yield one


def problem(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json", response.text
    return response.status_code, str(response.json()["code"])


# Talking to it


def test_health_and_page(atelier: Running) -> None:
    assert atelier.call("GET", "/health").json()["ready"] is True
    assert "text/html" in atelier.call("GET", "/").headers["content-type"]
    assert problem(atelier.call("GET", "/nowhere")) == (404, "not_found")


def test_strangers_pages_are_refused(atelier: Running) -> None:
    jobs = "/v1/jobs"
    evil = {"host": "evil.example"}
    assert problem(atelier.call("GET", jobs, headers=evil)) == (403, "host_refused")
    evil = {"origin": "http://evil.example"}
    assert problem(atelier.call("GET", jobs, headers=evil)) == (403, "origin_refused")
    plain = {"content-type": "text/plain"}
    refused = atelier.call("POST", jobs, content=b"{}", headers=plain)
    assert problem(refused) == (415, "unsupported_media_type")


def test_second_up_is_refused_and_names_the_first(atelier: Running) -> None:
    with start(atelier.data) as second:
        told, _ = second.communicate(timeout=20)

    assert second.returncode == 1
    assert f"process {atelier.process.pid}" in told
    assert atelier.call("GET", "/health").status_code == 200


def test_signed_upload_takes_exactly_what_was_signed(atelier: Running) -> None:
    ticket = atelier.ticket()
    url, headers = ticket["url"], ticket["headers"]

    def put(url: str = url, body: bytes = PHOTO, **changed: str) -> httpx.Response:
        named = {name.replace("_", "-"): text for name, text in changed.items()}
        return httpx.put(url, content=body, headers={**headers, **named})

    longer = put(body=PHOTO + b"!", content_length=str(len(PHOTO) + 1))
    assert problem(longer) == (403, "signature_mismatch")
    assert problem(put(content_type="image/png")) == (403, "signature_mismatch")
    other_key = url.replace(ticket["id"], ticket["id"][:-1] + "0")
    assert problem(put(other_key)) == (403, "signature_mismatch")
    assert problem(put(url.replace("expires=", "expires=9"))) == (403, "signature_mismatch")

    stored = put()
    assert stored.status_code == 200
    assert stored.headers["etag"]
    assert problem(put()) == (412, "already_uploaded")


def test_short_body_leaves_nothing(atelier: Running) -> None:
    ticket = atelier.ticket()
    url = httpx.URL(ticket["url"])
    lines = [f"PUT {url.raw_path.decode()} HTTP/1.1", f"host: {url.netloc.decode()}"]
    lines += [f"{name}: {text}" for name, text in ticket["headers"].items()]
    with socket.create_connection((url.host, url.port), 5) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + PHOTO[:1000])
        wait_until(lambda: any((atelier.data / ".scratch").iterdir()))

    wait_until(lambda: not any((atelier.data / ".scratch").iterdir()))
    assert not (atelier.data / "uploads" / "local" / ticket["id"]).exists()


def test_drop_becomes_a_job_and_a_signed_url_serves_it(atelier: Running) -> None:
    batch = atelier.data / "drops" / "local" / "spring"
    batch.mkdir(parents=True)
    (batch / "a b+c 画.jpg").write_bytes(PHOTO)

    def jobs() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = atelier.call("GET", "/v1/jobs?batch=spring").json()["items"]
        return items

    wait_until(lambda: len(jobs()) == 1)
    wait_until(lambda: bool(jobs()[0]["artworks"]), 120)
    artwork = jobs()[0]["artworks"][0]
    picture = httpx.get(artwork["url"])
    assert picture.status_code == 200
    assert picture.headers["content-type"] == artwork["media_type"]
    part = httpx.get(artwork["url"], headers={"range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, picture.content[:10])
    assert problem(httpx.get(artwork["url"][:-2])) == (403, "signature_mismatch")


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nx-long: " + b"a" * (MAX_HEAD_BYTES + 1) + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nx-endless: " + b"a" * (2 * MAX_HEAD_BYTES),
        b"GET /" + b"a" * (MAX_HEAD_BYTES + 1) + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_boundless_heads_are_refused(atelier: Running, sent: bytes) -> None:
    assert b"431" in raw(atelier, sent)


def test_what_is_no_http_is_refused(atelier: Running) -> None:
    answered = raw(atelier, b"HELO\r\n\r\n")

    assert answered.startswith(b"HTTP/1.1 400")
    assert b"malformed_request" in answered


def raw(atelier: Running, sent: bytes) -> bytes:
    url = httpx.URL(atelier.url)
    with socket.create_connection((url.host, url.port), 15) as connection:
        connection.sendall(sent)
        answered = b""
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(65536):
                answered += part
    return answered


def test_large_bodies_are_refused(atelier: Running) -> None:
    refused = atelier.call("POST", "/v1/jobs", json={"model": "x" * (10 * 2**20)})

    assert problem(refused) == (413, "too_large")


def test_logs_hold_no_signed_url(atelier: Running) -> None:
    atelier.ticket()
    logs = [path.read_text() for path in (atelier.data / "logs").iterdir()]

    assert not any("signature=" in log for log in logs)
    for log in logs:
        for line in log.splitlines():
            json.loads(line)


# Killing it


def test_whoever_dies_comes_back(tmp_path: Path) -> None:
    with running(tmp_path / "data") as atelier:
        wait_until(lambda: len(atelier.children()) == 3)
        before = atelier.children()
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)

        assert atelier.call("GET", "/health").status_code == 200  # it waits for the new front
        wait_until(
            lambda: (
                len(now := atelier.children()) == 3 and not set(now.values()) & set(before.values())
            )
        )


def test_ctrl_c_leaves_nothing_running(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data) as atelier:
        wait_until(lambda: len(atelier.children()) == 3)
        assert len(processes_of(data)) >= 3

        assert atelier.end() == 0

        assert processes_of(data) == []


def test_children_do_not_outlive_a_killed_supervisor(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data) as atelier:
        wait_until(lambda: len(atelier.children()) == 3)
        atelier.process.kill()
        atelier.process.wait()

        with running(data) as again:  # it waits for those that are left
            assert again.call("GET", "/health").status_code == 200
            assert len(processes_of(data)) >= 3

        wait_until(lambda: processes_of(data) == [])


def test_stopped_child_is_named_and_can_be_killed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data) as atelier:
        wait_until(lambda: len(atelier.children()) == 3)
        os.kill(atelier.children()["local.pump"], signal.SIGSTOP)

        assert atelier.end() == 0
        assert processes_of(data) == []


def test_all_state_survives_the_death_of_everybody(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data, *OWN_MODELS) as atelier:
        os.kill(atelier.process.pid, signal.SIGSTOP)  # or it would start them again
        for pid in processes_of(data):
            if "gpu_worker" in command(pid):
                os.kill(pid, signal.SIGKILL)
        ticket = atelier.ticket(job={"model": "plain"})
        sent = httpx.put(ticket["url"], content=PHOTO, headers=ticket["headers"])
        assert sent.status_code == 200
        for pid in [*processes_of(data), atelier.process.pid]:
            os.kill(pid, signal.SIGKILL)
        atelier.process.wait()

    with running(data, *OWN_MODELS) as again:
        path = f"/v1/jobs/{ticket['job_id']}"
        wait_until(lambda: again.call("GET", path).json()["status"] == "succeeded", 120)


def test_open_to_others_only_with_keys(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with start(data, "--host", "0.0.0.0") as refused:
        told, _ = refused.communicate(timeout=20)
    assert refused.returncode == 1
    assert "keys create" in told

    made = keys(data, "create", "--tenant", "studio")
    with running(data, "--host", "0.0.0.0") as atelier:
        url = f"{atelier.url}/v1/jobs"
        assert problem(httpx.get(url)) == (401, "unauthenticated")
        key = {"authorization": f"Bearer {made}"}
        assert httpx.get(url, headers=key).json()["items"] == []
        assert httpx.get(url.replace("/v1/jobs", "/health")).status_code == 200


def test_demo_paints_and_ends(tmp_path: Path) -> None:
    data = tmp_path / "data"
    shown = subprocess.run(
        [sys.executable, "-m", "local", "demo", "--exit", "--port", "0", "--data", data],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert str(data / "first-artwork.png") in shown.stdout
    assert (data / "first-artwork.png").read_bytes().startswith(b"\x89PNG")
    assert "/v1/artworks/" in shown.stdout
    assert processes_of(data) == []
