"""What is done at the start of every Python process that a test starts: `site/sitecustomize.py`."""

import os
from pathlib import Path

SITE = Path(__file__).parent / "site"


def startup() -> dict[str, str]:
    """The environment that has it done."""
    path = [str(SITE), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(path)}
