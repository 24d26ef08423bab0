"""One deployment for all: it takes seconds to make, and no test needs it to be new."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.artifacts import build
from tests.conftest import OWN_MODELS
from tests.e2e.cloud.deployment import Deployment
from tests.e2e.cloud.launch import deployed


@pytest.fixture(scope="package")
def cloud(tmp_path_factory: pytest.TempPathFactory, catalogue_file: Path) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("cloud")
    (models,) = OWN_MODELS
    built = build(folder / "built")
    with deployed(folder, built, catalogue_file, models, "127.0.0.0/8") as made:
        yield made
