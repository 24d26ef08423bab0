"""Cuts botocore's data to what our calls need, when the layer is built (see the Makefile).

    python trim.py BOTOCORE_DATA OUR_SOURCES

A client is made from these files, and most of the time that takes goes into parsing them: 1.2 MB on
where each of 400 services is found, and every operation, shape and paragraph of the services that
we call. An operation stays if its name stands in quotes in our sources.
"""

import gzip
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SERVICES = {"dynamodb", "ecs", "s3", "secretsmanager", "sns", "sqs"}
MODEL = "service-2.json"
Json = dict[str, Any]


def trim(data: Path, sources: Path) -> None:
    """Cut what lies in the folder `data` to what these sources call."""
    named = {name for path in sources.rglob("*.py") for name in quoted(path.read_text())}
    for folder in [path for path in data.iterdir() if path.is_dir()]:
        if folder.name not in SERVICES:
            shutil.rmtree(folder)
    for packed in data.glob(f"*/*/{MODEL}.gz"):
        model = cut(json.loads(gzip.decompress(packed.read_bytes())), named)
        packed.with_name(MODEL).write_text(json.dumps(model))
        packed.unlink()
    places = data / "endpoints.json"
    places.write_text(json.dumps(placed(json.loads(places.read_text()))))


def quoted(source: str) -> set[str]:
    """Every word in quotes, written as one: "get_item" is `getitem`, as GetItem is."""
    return {word.replace("_", "") for word in re.findall(r'"([a-z0-9_]+)"', source)}


def cut(model: Json, named: set[str]) -> Json:
    """A service's description, with these operations only and without its prose."""
    kept = {name: one for name, one in model["operations"].items() if name.lower() in named}
    shapes = {name: model["shapes"][name] for name in reached(kept, model["shapes"])}
    silent: Json = silenced({**model, "operations": kept, "shapes": shapes})
    return silent


def reached(value: Any, shapes: Json) -> set[str]:
    """The shapes that these operations are made of."""
    found: set[str] = set()
    waiting = list(mentioned(value))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += mentioned(shapes[name])
    return found


def mentioned(value: Any) -> Iterator[str]:
    """The names of shapes in a piece of a description."""
    if isinstance(value, dict):
        if isinstance(value.get("shape"), str):
            yield value["shape"]
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from mentioned(one)


def silenced(value: Any) -> Any:
    """The same without its prose: the SDK looks for a text in some places, so it is left empty."""
    if isinstance(value, dict):
        return {name: "" if prose(name, one) else silenced(one) for name, one in value.items()}
    return [silenced(one) for one in value] if isinstance(value, list) else value


def prose(name: str, value: Any) -> bool:
    """A member may be called `documentation`, too: that is no text."""
    return name == "documentation" and isinstance(value, str)


def placed(endpoints: Json) -> Json:
    """Where services are found: ours only."""
    for partition in endpoints["partitions"]:
        partition["services"] = {
            name: one for name, one in partition["services"].items() if name in SERVICES
        }
    return endpoints


if __name__ == "__main__":
    trim(Path(sys.argv[1]), Path(sys.argv[2]))
