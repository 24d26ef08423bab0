"""The rules of the house: who may import whom, and who may touch the world."""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from pydantic_core import to_json

from gpu_worker.registry import Registry

ROOT = Path(__file__).parents[2]
ROOMS = ("shared", "functions", "gpu_worker", "local")
FORBIDDEN = {
    "shared": ("functions", "gpu_worker", "local", "torch"),
    "functions": ("gpu_worker", "local", "torch"),
    "gpu_worker": ("functions", "local"),
    "local": ("gpu_worker", "torch"),
}
CORE = "gpu_worker"
POWERTOOLS_LOGGER = re.compile(r"powertools(\.logging)? import .*\bLogger\b|powertools\.Logger")


def modules(room: str) -> Iterator[Path]:
    return (path for path in sorted((ROOT / room).rglob("*.py")))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def names(node: ast.AST) -> set[str]:
    """What one statement imports."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    return {node.module} if isinstance(node, ast.ImportFrom) and node.module else set()


def imports(path: Path) -> set[str]:
    return {name for node in ast.walk(tree(path)) for name in names(node)}


def users_of(package: str) -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in modules(room)
        if any(name.split(".")[0] == package for name in imports(path))
    }


@pytest.mark.parametrize("room", ROOMS)
def test_imports_take_the_agreed_direction(room: str) -> None:
    for path in modules(room):
        for name in imports(path):
            assert name.split(".")[0] not in FORBIDDEN[room], f"{path} imports {name}"


def test_the_workers_core_does_not_import_torch() -> None:
    core = [path for path in modules(CORE) if "models" not in path.parts]
    for path in core:
        at_import = {name for node in tree(path).body for name in names(node)}
        assert "torch" not in {name.split(".")[0] for name in at_import}, path


def test_the_environment_is_read_in_one_module() -> None:
    readers = {
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in modules(room)
        if "os.environ" in path.read_text() or "getenv" in path.read_text()
    }
    assert readers == {"shared/settings.py"}


def test_the_aws_sdk_lives_in_one_module() -> None:
    assert len(users_of("boto3") | users_of("botocore")) == 1


def test_every_log_is_discreet() -> None:
    """Powertools' own logger would write what users wrote: exceptions carry it."""
    loggers = {
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in modules(room)
        if POWERTOOLS_LOGGER.search(path.read_text())
    }
    assert loggers == {"shared/logs.py"}


def test_only_the_lifecycle_writes_a_status() -> None:
    for room in ROOMS:
        for path in modules(room):
            if path.name in ("lifecycle.py", "ticket.py", "submission.py"):
                continue  # the two that write a job for the first time
            for node in ast.walk(tree(path)):
                if isinstance(node, ast.Dict):
                    keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
                    values = [ast.unparse(value) for value in node.values]
                    written = dict(zip(keys, values, strict=False))
                    assert not str(written.get("status", "")).startswith("Status."), path


def test_the_committed_catalogue_is_what_the_models_say() -> None:
    committed = json.loads((ROOT / "shared/catalogue.json").read_bytes())
    assert committed == json.loads(to_json(Registry().cards()))
