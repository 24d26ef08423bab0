"""`python -m gpu_worker render | models`: artworks from the command line, with no system around."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from shared.catalogue import Catalogue
from shared.settings import Settings, environment

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "local/sample.jpg"


def gpu_worker(*arguments: object) -> subprocess.CompletedProcess[str]:
    chosen = Settings(models=("tests.own_models",), device="cpu")
    command = [sys.executable, "-m", "gpu_worker", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, env=environment(chosen), capture_output=True, text=True, timeout=120
    )


def test_a_photograph_is_painted(tmp_path: Path) -> None:
    out = tmp_path / "art.png"
    done = gpu_worker(
        *("render", "paint", SAMPLE, "--out", out),
        *("--param", "style=ink-wash", "--param", "size=160"),
    )
    assert done.returncode == 0, done.stderr
    with Image.open(out) as painted:
        assert painted.size == (160, 120)


@pytest.mark.parametrize("kind", ["jpeg", "webp"])
def test_the_painting_comes_in_the_format_that_is_asked_for(tmp_path: Path, kind: str) -> None:
    out = tmp_path / f"art.{kind}"
    done = gpu_worker(
        *("render", "paint", SAMPLE, "--out", out, "--param", "size=64"),
        *("--param", f"format={kind}", "--param", "quality=70"),
    )
    assert done.returncode == 0, done.stderr
    with Image.open(out) as painted:
        assert painted.format == kind.upper()
        painted.load()


def test_any_picture_can_be_the_style(tmp_path: Path) -> None:
    out = tmp_path / "art.png"
    style = f"style_image={ROOT / 'functions/studio/static/paint.jpg'}"
    done = gpu_worker(
        *("render", "paint", SAMPLE, "--out", out, "--input", style, "--param", "size=128")
    )
    assert done.returncode == 0, done.stderr
    assert out.stat().st_size > 1000


def test_a_users_own_model_makes_several_by_seed(tmp_path: Path) -> None:
    out = tmp_path / "art.png"
    assert gpu_worker("render", "plain", "--out", out, "--count", 2, "--seed", 3).returncode == 0
    first, second = out.read_bytes(), (tmp_path / "art-1.png").read_bytes()
    assert first != second
    gpu_worker("render", "plain", "--out", out, "--seed", 3)
    assert out.read_bytes() == first


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nothing",), "there is no model 'nothing'"),
        (("paint",), "this model needs image"),
        (("paint", SAMPLE, "--param", "style=mud"), "style"),
        (("paint", SAMPLE, "--param", "format=gif"), "format"),
        (("paint", __file__), "picture"),
        (("plain", "--input", "sound=x"), "this model takes"),
    ],
)
def test_what_cannot_be_made_is_said_in_a_line(
    tmp_path: Path, arguments: tuple[object, ...], said: str
) -> None:
    done = gpu_worker("render", *arguments, "--out", tmp_path / "art.png")
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_models_describe_themselves() -> None:
    told = gpu_worker("models", "--json")
    names = {card["name"] for card in json.loads(told.stdout)}
    assert {"paint", "upscale", "plain"} <= names
    assert "paint" in gpu_worker("models").stdout
    assert Catalogue.read().get("paint").licence == "Apache-2.0"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["missing.jpg", "--out", "art.png"], "missing.jpg"),
        ([SAMPLE, "--input", "style_image=missing.jpg", "--out", "art.png"], "missing.jpg"),
        ([SAMPLE, "--param", "size=64", "--out", "missing/art.png"], "missing"),
    ],
)
def test_a_path_that_leads_nowhere_is_named(arguments: list[object], named: str) -> None:
    done = gpu_worker("render", "paint", *arguments)
    assert done.returncode == 1
    assert named in done.stderr
    assert "Traceback" not in done.stderr
