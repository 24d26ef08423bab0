"""Figures: how they are summed up, and how a benchmark says them."""

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Found = dict[str, Any]
"""What a benchmark has measured, as JSON."""


def quantile(values: Sequence[float], share: float) -> float:
    """The least value that at least this share of them does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def ms(seconds: float) -> float:
    """Milliseconds, as they are printed."""
    return round(seconds * 1e3, 3)


def parser(told: str | None) -> argparse.ArgumentParser:
    """The command line of a benchmark."""
    made = argparse.ArgumentParser(
        description=told, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--json", action="store_true", help="the last line is one JSON object")
    made.add_argument("--folder", type=Path, help="a new folder for the data, which is kept")
    return made


def say(found: Found, as_json: bool, *lines: str) -> None:
    """Print them for a person, and in the end for a program."""
    for line in lines:
        print(line)
    if as_json:
        print(json.dumps(found))
