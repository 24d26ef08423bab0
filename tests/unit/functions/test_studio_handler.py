"""The page's handler: what files there are, how they are cached; nothing else gets out."""

import json
import re
from base64 import b64decode
from typing import Any

import pytest

from functions.studio.handler import FILES, STATIC, handler
from shared.codes import CODES

Answer = dict[str, Any]


def ask(path: str, method: str = "GET", **headers: str) -> Answer:
    """The answer to an event as an HTTP API sends it, payload 2.0."""
    event = {
        "version": "2.0",
        "rawPath": path,
        "headers": {name.replace("_", "-"): value for name, value in headers.items()},
        "requestContext": {"http": {"method": method, "path": path}},
        "isBase64Encoded": False,
    }
    return handler(event, None)


def test_the_index_is_at_the_root() -> None:
    answer = ask("/")
    assert answer["statusCode"] == 200
    assert answer["headers"]["content-type"] == "text/html; charset=utf-8"
    assert "<title>Atelier</title>" in answer["body"]


def test_every_file_that_the_index_names_is_served() -> None:
    named = re.findall(r'(?:href|src)="(studio/[^"]+)"', ask("/")["body"])
    assert len(named) >= 3
    assert {ask(f"/{name}")["statusCode"] for name in named} == {200}


def test_every_module_that_a_module_imports_is_served() -> None:
    scripts = [file.body for path, file in FILES.items() if path.endswith(".js")]
    named = {name for text in scripts for name in re.findall(r'from "\./([a-z]+\.js)"', text)}
    assert named
    assert {name: ask(f"/studio/{name}")["statusCode"] for name in named} == dict.fromkeys(
        named, 200
    )


def test_a_known_version_is_not_sent_again() -> None:
    etag = ask("/")["headers"]["etag"]
    again = ask("/", if_none_match=f'"other", W/{etag}')
    assert (again["statusCode"], again["body"], again["headers"]["etag"]) == (304, "", etag)
    assert ask("/", if_none_match='"other"')["statusCode"] == 200
    assert ask("/studio/studio.js", if_none_match=etag)["statusCode"] == 200


def test_a_picture_is_sent_as_bytes() -> None:
    path = next(iter(STATIC.glob("*.jpg")))
    answer = ask(f"/studio/{path.name}")
    assert (answer["isBase64Encoded"], answer["headers"]["content-type"]) == (True, "image/jpeg")
    assert b64decode(answer["body"]) == path.read_bytes()


def test_head_sends_no_body() -> None:
    answer = ask("/studio/studio.css", "HEAD")
    assert (answer["statusCode"], answer["body"]) == (200, "")
    assert answer["headers"]["content-type"] == "text/css; charset=utf-8"


@pytest.mark.parametrize(
    "path",
    [
        "/studio/nothing.js",
        "/studio/",
        "/studio",
        "//",
        "",
        "/index.html",
        "/studio/../handler.py",
        "/studio/..%2fhandler.py",
        "/studio/%2e%2e/handler.py",
        "/studio/..\\handler.py",
        "/studio//etc/passwd",
        "/etc/passwd",
        "/studio/studio.js\x00.css",
        "/studio/static/studio.js",
        "/studio/handler.py",
    ],
)
def test_nothing_else_is_there(path: str) -> None:
    answer = ask(path)
    assert answer["statusCode"] == 404
    assert answer["headers"]["content-type"] == "application/problem+json"
    assert json.loads(answer["body"])["code"] == "not_found"


def test_nothing_can_be_sent_to_it() -> None:
    answer = ask("/", "POST")
    assert (answer["statusCode"], answer["headers"]["allow"]) == (405, "GET, HEAD")
    assert json.loads(answer["body"])["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", ["/", "/studio/studio.js", "/nowhere"])
def test_the_headers_are_strict(path: str) -> None:
    headers = ask(path)["headers"]
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert (policy["default-src"], policy["script-src"]) == ("'none'", "'self'")
    assert "unsafe" not in headers["content-security-policy"]
    assert policy["connect-src"] == "'self' https: blob: data:"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-cache"


def test_the_page_keeps_its_own_policy() -> None:
    html = ask("/")["body"]
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=", html)
    texts = [path.read_text("utf-8") for path in STATIC.iterdir() if path.suffix != ".jpg"]
    assert not [text for text in texts if re.search(r"innerHTML|outerHTML|\beval\(", text)]
    assert not [text for text in texts if re.search(r"[\"'(]https?://(?!www\.w3\.org/)", text)]


def test_both_languages_have_the_same_words() -> None:
    keys = {
        code: set(re.findall(r'^ {2}"?([\w.]+)"?: "', FILES[f"/studio/{code}.js"].body, re.M))
        for code in ("en", "zh")
    }
    assert len(keys["en"]) > 100
    assert keys["en"] == keys["zh"]


UNSEEN = {
    *("already_uploaded", "delivery_not_found", "headers_too_large", "host_refused"),
    *("length_required", "method_not_allowed", "origin_refused", "range_not_satisfiable"),
    *("signature_mismatch", "url_expired"),
}
"""Of webhooks' tries, of other callers' uploads and links, or never met by the page."""


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_code_is_said_in_words(language: str) -> None:
    said = set(re.findall(r'"problem\.(\w+)"', ask(f"/studio/{language}.js")["body"]))
    assert {code for code in CODES if not code.startswith("url_")} - UNSEEN <= said
