"""The worker's Dockerfile says what the fleet's template takes for granted. `make test-container`
sees what comes of it."""

import json
import re
from pathlib import Path
from typing import Any

from shared.settings import PREFIX, Settings
from tests.cloudformation import FLEET, resources

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "gpu_worker" / "Dockerfile").read_text().replace("\\\n", " ")


def last(instruction: str) -> str:
    """What the last such instruction says."""
    found: list[str] = re.findall(rf"^{instruction} +(.*)$", DOCKERFILE, re.MULTILINE)
    return found[-1].strip()


def container() -> dict[str, Any]:
    """The one of the task definition."""
    (task,) = resources("AWS::ECS::TaskDefinition", FLEET).values()
    (found,) = task["ContainerDefinitions"]
    return dict(found)


def test_both_name_the_same_user() -> None:
    assert last("USER") == container()["User"]


def test_both_check_health_by_the_same_command() -> None:
    checked = json.loads(last("HEALTHCHECK").partition("CMD ")[2])
    assert ["CMD-SHELL", checked[-1]] == container()["HealthCheck"]["Command"]


def test_the_image_starts_the_worker_by_itself_and_hands_it_signals() -> None:
    assert not {"Command", "EntryPoint"} & container().keys()
    assert json.loads(last("ENTRYPOINT"))[0] == "tini"
    assert json.loads(last("CMD")) == ["run"]


def test_the_image_sets_settings_that_exist() -> None:
    named = re.findall(rf"\b({PREFIX}\w+)=", last("ENV"))
    assert named
    assert set(named) <= {PREFIX + field.upper() for field in Settings.model_fields}


def test_what_is_written_lies_where_the_fleet_lets_it() -> None:
    (writable,) = container()["LinuxParameters"]["Tmpfs"]
    environment = dict(one.split("=", 1) for one in last("ENV").split())
    assert environment["HOME"] == writable["ContainerPath"]
    assert Path(environment["ATELIER_TURNED"]).parent == Path(writable["ContainerPath"])
