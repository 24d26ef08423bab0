"""checkov has nothing to say of the templates, and what it is not to look at has a reason."""

import re

import pytest
import yaml

from tests.cloudformation import FLEET, TEMPLATE, template
from tests.sam import ROOT, checkov, run

TEMPLATES = (TEMPLATE, FLEET)
CONFIG = ROOT / ".checkov.yaml"
FAILED = re.compile(r"Check: (CKV\w+)")


def scanned(*choices: str) -> tuple[int, str]:
    """What it says of all templates, by `.checkov.yaml` and these choices."""
    ran = run(checkov(), "-f", *TEMPLATES, *choices)
    return ran.returncode, ran.stdout


def everywhere() -> list[str]:
    """What it skips wherever that is."""
    skipped: list[str] = yaml.safe_load(CONFIG.read_text())["skip-check"]
    return skipped


@pytest.mark.slow
def test_it_has_nothing_to_say() -> None:
    status, said = scanned()
    assert (status, FAILED.findall(said)) == (0, []), said
    assert re.search(r"Passed checks: \d{3}", said), said


@pytest.mark.slow
def test_what_is_skipped_everywhere_would_be_said() -> None:
    """Or nobody would know what is still skipped for nothing, and whether it looks at all."""
    status, said = scanned("--skip-check", "CKV_NONE")
    assert (status, set(FAILED.findall(said))) == (1, set(everywhere()))


def test_each_has_its_reason() -> None:
    lines = CONFIG.read_text().splitlines()
    for number, line in enumerate(lines):
        if line.strip().startswith("- CKV"):
            assert lines[number - 1].strip().startswith("# "), line
    for path in TEMPLATES:
        for resource, properties in template(path)["Resources"].items():
            for skip in properties.get("Metadata", {}).get("checkov", {}).get("skip", []):
                assert len(skip["comment"].split()) > 5, resource


def test_the_list_is_short() -> None:
    assert len(everywhere()) <= 5
