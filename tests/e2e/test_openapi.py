"""The API and its own description agree, asked by schemathesis over real HTTP."""

import io
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from PIL import Image

from tests.machine import running

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
)
"""Without `positive_data_acceptance`: an id that fits its pattern may still be unknown."""
SECONDS = 300


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("atelier")) as atelier:
        yield f"{atelier.url}/"


def test_the_description_is_valid_openapi_3_1(url: str) -> None:
    with urllib.request.urlopen(url + "v1/openapi.json") as answer:
        document = json.load(answer)
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


def finished_job(url: str) -> str:
    """A job with an artwork, so that there is something to ask about."""
    picture = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(picture, "PNG")
    with httpx.Client(base_url=url, timeout=60) as client:
        ticket = client.post(
            "/v1/uploads",
            json={
                "content_type": "image/png",
                "size": len(picture.getvalue()),
                "job": {"model": "paint", "params": {"size": 64}},
            },
        ).json()
        client.put(ticket["url"], content=picture.getvalue(), headers=ticket["headers"])
        job = {"ended_at": None}
        while not job["ended_at"]:
            job = client.get(f"/v1/jobs/{ticket['job_id']}?wait=20").json()
    return str(ticket["job_id"])


def ask(url: str, *options: str, config: Path | None = None) -> str:
    """A run of schemathesis, which must find nothing; what it printed."""
    named = ["--config-file", str(config)] if config else []
    asked = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", *named, "run", url + "v1/openapi.json"),
            *("--checks", ",".join(CHECKS), "--seed", "1", "--max-examples", "30"),
            *("--workers", "1", "--generation-database", "none"),  # ast.parse trips over threads
            *("--request-timeout", "40", *options),  # `?wait=20` is drawn as well
        ],
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert asked.returncode == 0, asked.stdout[-20_000:] + asked.stderr[-2000:]
    return asked.stdout


def test_every_answer_is_as_described(url: str, tmp_path: Path) -> None:
    job_id = finished_job(url)
    config = tmp_path / "schemathesis.toml"
    config.write_text(
        f'[parameters]\njob_id = "{job_id}"\nartwork_id = "{job_id}-0"\nname = "paint"\n'
    )
    printed = ask(url, "--exclude-method", "DELETE", config=config)
    assert "12/12" in printed or "Tested: 12" in printed


def test_deleting_is_as_described(url: str) -> None:
    ask(url)
