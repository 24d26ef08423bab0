"""AWS's own tools, and checkov: each in a venv of its own, installed at first use, whole or not at
all."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
VENVS = ROOT / ".cache"
PINS = ("aws-sam-cli==1.170.0", "cfn-lint==1.58.0")
CHECKOV = ("checkov==3.3.30",)
RUNTIME = "3.12"
"""The Python that the template names."""
TRANSFORM = """
import json, sys
from samcli.yamlhelper import yaml_parse
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
template = yaml_parse(open("template.yaml").read())
template["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"
template["Resources"]["SharedLayer"]["Properties"]["ContentUri"] = "s3://bucket/key"
print(json.dumps(Translator({}, Parser()).translate(template, json.loads(sys.argv[1]))))
"""


def tool(name: str) -> Path:
    """`sam`, `cfn-lint`, or the `python` that has both."""
    return _installed(VENVS / "sam", PINS) / name


def checkov() -> Path:
    """It pins so much that it shares a venv with nobody."""
    return _installed(VENVS / "checkov", CHECKOV) / "checkov"


def _installed(venv: Path, pins: tuple[str, ...]) -> Path:
    marker = venv / f".installed-{'-'.join(pins)}"
    if not marker.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        pip = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--quiet", *pins], check=True)
        marker.touch()
    return venv / "bin"


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A tool's run in the checkout, telling AWS nothing; what it printed is in one piece."""
    quiet = {"SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "eu-central-1", **environment}
    # make hands its own settings down to the make that SAM calls
    kept = {
        name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS")
    }
    return subprocess.run(
        command,
        cwd=ROOT,
        env=kept | quiet,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def transformed(**parameters: str) -> dict[str, Any]:
    """The template as CloudFormation gets it from SAM."""
    ran = run(tool("python"), "-c", TRANSFORM, json.dumps(parameters))
    assert ran.returncode == 0, ran.stdout
    document: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return document


def runtime_python() -> Path:
    """The runtime's interpreter if this machine has one, else the one that runs the tests."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = shutil.which(f"python{RUNTIME}")
    candidates = [os.environ.get("LAMBDA_PYTHON"), found, *_newest_first(pyenv / "versions")]
    return next((Path(one) for one in candidates if one and _is_it(one)), Path(sys.executable))


def _newest_first(versions: Path) -> list[Path]:
    return sorted(versions.glob(f"{RUNTIME}.*/bin/python"), reverse=True)


def _is_it(python: str | Path) -> bool:
    """Whether it starts (pyenv's stand-ins may not), is that version, and has pip."""
    asked = "import pip, sys; print('%d.%d' % sys.version_info[:2])"
    ran = subprocess.run([python, "-c", asked], capture_output=True, text=True)
    return ran.stdout.strip() == RUNTIME
