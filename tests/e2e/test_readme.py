"""The README's commands, run as a newcomer would: each block in turn, in one shell."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.debian import install
from tests.machine import running

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
USES = "## Use it"


def blocks() -> list[str]:
    used = (ROOT / "README.md").read_text().split(USES)[1].split("\n## ")[0]
    return BLOCK.findall(used)


@pytest.mark.slow
def test_the_readmes_commands_do_what_it_says(tmp_path: Path) -> None:
    for tool in ("curl", "jq"):
        install(tool, tool)
    (tmp_path / "local").mkdir()
    shutil.copy(ROOT / "local/sample.jpg", tmp_path / "local")
    (tmp_path / ".atelier").mkdir()
    with running(tmp_path / ".atelier") as atelier:
        script = "\n".join(["set -e", *blocks()]).replace("http://127.0.0.1:8080", atelier.url)
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
