"""The README's commands, run as a newcomer would: each block in turn, in one shell."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.service import running

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
USES = "## Use it"


def blocks() -> list[str]:
    used = (ROOT / "README.md").read_text().split(USES)[1].split("\n## ")[0]
    return BLOCK.findall(used)


def have(tool: str) -> None:
    """The tool, installed where that is allowed; CI allows no skip."""
    if shutil.which(tool) is None and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], check=False, capture_output=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", tool], check=False, capture_output=True)
    if shutil.which(tool) is None:
        assert not os.environ.get("CI"), f"{tool} could not be installed"
        pytest.skip(f"NOT TESTED: the README's commands need {tool}, which cannot be installed")


@pytest.mark.slow
def test_the_readmes_commands_do_what_it_says(tmp_path: Path) -> None:
    for tool in ("curl", "jq"):
        have(tool)
    (tmp_path / "local").mkdir()
    shutil.copy(ROOT / "local/sample.jpg", tmp_path / "local")
    (tmp_path / ".atelier").mkdir()
    with running(tmp_path / ".atelier") as url:
        script = "\n".join(["set -e", *blocks()]).replace("http://127.0.0.1:8080", url.rstrip("/"))
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=300
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "304" in done.stdout.split()
    assert '"succeeded","error":null' in done.stdout
    with (
        Image.open(tmp_path / "painting.png") as small,
        Image.open(tmp_path / "large.png") as large,
    ):
        assert max(small.size) == 768
        assert large.size == (small.width * 4, small.height * 4)
    with Image.open(tmp_path / "thumbnail.webp") as thumbnail:
        assert thumbnail.format == "WEBP"
    mirrored = tmp_path / ".atelier/artworks/mirror/local/holiday/sample.jpg.png"
    with Image.open(mirrored) as dropped:
        assert max(dropped.size) == 512
