"""The API and its own description agree, asked by schemathesis over real HTTP."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.e2e.service import running

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
    with running(tmp_path_factory.mktemp("atelier")) as url:
        yield url


def test_the_description_is_valid_openapi_3_1(url: str) -> None:
    with urllib.request.urlopen(url + "v1/openapi.json") as answer:
        document = json.load(answer)
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()


def test_every_answer_is_as_described(url: str) -> None:
    asked = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", url + "v1/openapi.json"),
            *("--checks", ",".join(CHECKS), "--seed", "1", "--max-examples", "30"),
            *("--workers", "2", "--generation-database", "none"),
        ],
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert asked.returncode == 0, asked.stdout[-20_000:] + asked.stderr[-2000:]
