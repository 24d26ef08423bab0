"""What the image consists of, and what it leaves out."""

import re
from importlib.metadata import version

from tests.container.conftest import figures
from tests.container.image import PINS, WORKER, Image
from tests.machine import ROOT

MOST_MEGABYTES = {"cpu": 850, "cuda": 4500}
"""Of the layers above the base, by the kind of torch."""
PARTS = "/opt/venv/lib/python3*/site-packages"
PINNED = re.compile(r"^([\w.-]+)==(\S+)$", re.MULTILINE)
LISTED = """
from importlib.metadata import distributions
for one in distributions():
    print(f"{one.name}=={one.version}")
"""
UNCOMPILED = """
from importlib.util import cache_from_source
from pathlib import Path
for folder in ("/opt/venv/lib", "/opt/atelier"):
    for source in Path(folder).rglob("*.py"):
        compiled = Path(cache_from_source(source))
        if not compiled.exists() or compiled.read_bytes()[4:8] != bytes([1, 0, 0, 0]):
            print(source)
"""
"""A flag of 1: valid whatever time the source bears."""
TORCHS_OWN_TESTS = "torch/testing/_internal/"


def pins(text: str) -> dict[str, str]:
    found = PINNED.findall(text)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in found}


def test_it_says_how_it_is_to_be_run(image: Image) -> None:
    config = image.about["Config"]
    assert config["User"] == "10001:10001"
    assert config["StopSignal"] in ("SIGTERM", "15")
    assert config["Entrypoint"] == ["tini", "--", "python", "-m", "gpu_worker"]
    assert config["Cmd"] == ["run"]
    assert not config.get("ExposedPorts")
    assert not config.get("Volumes")
    assert config["Labels"]["org.opencontainers.image.revision"] == "tested"


def test_it_is_small(image: Image, debian: Image) -> None:
    ours, below = (one.about["Size"] / 1e6 for one in (image, debian))
    figures.append(f"image {ours:.0f} MB, of which the base has {below:.0f}; its largest parts:")
    figures.append(image.say(f"du -sm /opt/atelier {PARTS}/* | sort -rn | head -12"))
    compiled = "find /opt -name '*.pyc' -print0 | du -cm --files0-from=- | tail -n 1"
    figures.append(f"compiled, included above: {image.say(compiled)}")
    kind = "cuda" if "nvidia-cublas" in pins(image.ask(LISTED)) else "cpu"
    assert ours - below < MOST_MEGABYTES[kind]


def test_nothing_is_left_that_installs_or_compiles(image: Image) -> None:
    programs = "pip pip3 gcc cc c++ make ld"
    assert image.say(f"for one in {programs}; do command -v $one; done; true") == ""
    for module in ("pip", "ensurepip", "setuptools"):
        for python in ("python", "$(readlink -f $(command -v python))"):
            assert image.say(f"{python} -c 'import {module}' 2>/dev/null || echo no") == "no"


def test_every_part_is_the_one_that_is_pinned(image: Image) -> None:
    inside = pins(image.ask(LISTED))
    assert inside.pop("torch").split("+")[0] == version("torch").split("+")[0]
    pinned = pins("".join((ROOT / name).read_text() for name in PINS))
    assert inside.items() <= pinned.items()


def test_our_code_is_there_and_nothing_else_of_the_checkout(image: Image) -> None:
    there = set(image.say("cd /opt/atelier && find . -type f ! -name '*.pyc'").splitlines())
    left_out = {"Dockerfile", "Makefile", "fleet.yaml", "requirements.txt", "cuda.txt", "trim.py"}
    ours = {
        f"./{path.relative_to(ROOT)}"
        for folder in (ROOT / "shared", WORKER)
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and path.name not in left_out
    }
    assert there == ours | {"./LICENSE", "./NOTICE"}


def test_all_of_it_is_compiled(image: Image) -> None:
    """The root is read-only: what is not would be compiled again at each start."""
    left = image.ask(UNCOMPILED).splitlines()
    assert [one for one in left if TORCHS_OWN_TESTS not in one] == []


def test_the_models_are_there(image: Image) -> None:
    told = image.run("models")
    assert {line.split()[0] for line in told.splitlines()} >= {"paint", "upscale"}
