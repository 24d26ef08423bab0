"""Every code that the system can tell is documented, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from functions.api.openapi import description
from shared import errors
from shared.codes import CODES, JOBS, REQUESTS

ROOT = Path(__file__).parents[2]
CODE = re.compile(r"[a-z]+(_[a-z]+)*")
ROOMS = ("shared", "functions", "gpu_worker", "local")
NAMES_ITS_CODE = {"UrlError": 0, "refusal": 1, "_refuse": 1}
"""What is called with a code, and in which place it stands."""
COMMAND_LINE = {"key_not_found"}
"""Told by a command only."""


def told() -> set[str]:
    """Every code that stands in the product as text."""
    trees = [ast.parse(path.read_text()) for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    return {code for tree in trees for node in ast.walk(tree) for code in _codes(node)}


def _codes(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=args, keywords=named):
            place = NAMES_ITS_CODE.get(name, len(args))
            given = [*args[place : place + 1], *(one.value for one in named if one.arg == "code")]
        case ast.Assign(targets=[ast.Name(id="code")], value=value):
            given = [value]
        case ast.AnnAssign(target=ast.Name(id="code"), value=ast.expr() as value):
            given = [value]
        case _:
            given = []
    either = [
        side for one in given if isinstance(one, ast.IfExp) for side in (one.body, one.orelse)
    ]
    texts = (one.value for one in (*given, *either) if isinstance(one, ast.Constant))
    yield from (text for text in texts if isinstance(text, str) and CODE.fullmatch(text))


def classes(kind: type[errors.AtelierError]) -> Iterator[type[errors.AtelierError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from classes(below)


def test_every_code_is_documented() -> None:
    assert told() - CODES.keys() - COMMAND_LINE == set()


def test_no_other_code_is() -> None:
    variable = {"url_timeout", "url_unreachable"}  # chosen between where they are told
    assert CODES.keys() - told() - variable == set()


def test_errors_know_their_place() -> None:
    for kind in classes(errors.AtelierError):
        if kind.__module__ == errors.__name__:
            assert kind.code in CODES, kind


@pytest.mark.parametrize("codes", [REQUESTS, JOBS], ids=["requests", "jobs"])
def test_openapi_lists_them(codes: dict[str, str]) -> None:
    assert all(
        f"`{code}`: {meaning}" in description().replace('\\"', '"')
        for code, meaning in codes.items()
    )
