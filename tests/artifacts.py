"""What `sam build` makes of the template, and a process that runs it as Lambda would."""

import io
import json
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cloudformation import resources
from tests.sam import ROOT, run, runtime_python, tool

LAYER = "SharedLayer"


@dataclass(frozen=True)
class Built:
    """A build, and the interpreter that it was made for."""

    folder: Path
    python: Path

    def call(self, function: str, events: Path, environment: Mapping[str, str]) -> dict[str, Any]:
        """Import the function's handler from its artifact and give it these events."""
        handler = resources("AWS::Serverless::Function")[function]["Handler"]
        arguments = [self.folder / function, self.folder / LAYER, handler, events]
        ran = subprocess.run(
            [self.python, "-I", "-S", "-B", ROOT / "tests" / "runtime.py", *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        told: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
        assert (told["strays"], told["uncompiled"]) == ([], [])
        return told

    def zipped(self, function: str) -> int:
        """The bytes of a function and the layer, zipped."""
        return packed(self.folder / function, self.folder / LAYER)


def build(folder: Path) -> Built:
    """The template's functions and layer, made in that folder."""
    python = runtime_python()
    ran = run(tool("sam"), "build", "--build-dir", folder, LAMBDA_PYTHON=str(python))
    assert ran.returncode == 0, ran.stdout
    return Built(folder, python)


def packed(*folders: Path) -> int:
    """The bytes of these folders, zipped."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in folders:
            for path in folder.rglob("*"):
                archive.write(path, path.relative_to(folder.parent))
    return len(written.getvalue())
