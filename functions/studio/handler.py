"""Serves the page: `GET /` and `GET /studio/{file}`, nothing else.

The files are read once, when the function starts: what is not among them does not exist, so a path
can never lead out of the folder. They keep their names from version to version, so a browser asks
each time and is mostly told 304.
"""

import json
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

STATIC = Path(__file__).with_name("static")
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' https: blob: data:",
    "media-src": "'self' https: blob: data:",
    "connect-src": "'self' https: blob: data:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "require-trusted-types-for": "'script'",
}
HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": "; ".join(f"{name} {value}" for name, value in POLICY.items()),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "same-origin",
    "strict-transport-security": "max-age=31536000",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class File(NamedTuple):
    """One file of the page, as it is sent: text, or bytes in base64."""

    body: str
    base64: bool
    media_type: str
    etag: str


def read(folder: Path = STATIC) -> dict[str, File]:
    """The files of the page, by the path that they are served at."""
    paths = [path for path in sorted(folder.iterdir()) if path.suffix in TYPES]
    files = {f"/studio/{path.name}": _file(path) for path in paths}
    return {**files, "/": files["/studio/index.html"]}


def _file(path: Path) -> File:
    data, base64 = path.read_bytes(), path.suffix == ".jpg"
    body = b64encode(data).decode() if base64 else data.decode()
    return File(body, base64, TYPES[path.suffix], f'"{sha256(data).hexdigest()[:32]}"')


FILES = read()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer an event of an API Gateway HTTP API, payload 2.0."""
    try:
        method, file = event["requestContext"]["http"]["method"], FILES.get(event["rawPath"])
    except (KeyError, TypeError):
        return _problem(400, "Bad Request", "malformed_request", "this is no event of an HTTP API")
    if file is None:
        return _problem(404, "Not Found", "not_found", "the page has no such file")
    if method not in ("GET", "HEAD"):
        return _problem(405, "Method Not Allowed", "method_not_allowed", "only GET is answered")
    headers = {**HEADERS, "etag": file.etag, "content-type": file.media_type}
    if _known(event, file.etag):
        return _answer(304, headers, "")
    if method == "HEAD":
        return _answer(200, headers, "")
    return _answer(200, headers, file.body, file.base64)


def _known(event: dict[str, Any], etag: str) -> bool:
    """Whether the browser has this very version already."""
    headers = event.get("headers")
    given = str(headers.get("if-none-match", "")) if isinstance(headers, dict) else ""
    return any(tag.strip().removeprefix("W/") in (etag, "*") for tag in given.split(","))


def _problem(status: int, title: str, code: str, detail: str) -> dict[str, Any]:
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code}
    allow = {"allow": "GET, HEAD"} if status == 405 else {}
    headers = {**HEADERS, **allow, "content-type": "application/problem+json"}
    return _answer(status, headers, json.dumps(body))


def _answer(
    status: int, headers: dict[str, str], body: str, base64: bool = False
) -> dict[str, Any]:
    return {"statusCode": status, "headers": headers, "body": body, "isBase64Encoded": base64}
