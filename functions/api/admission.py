"""What a request must be before it is looked at: JSON that is UTF-8, finite and not too deep."""

import base64
import json
from collections.abc import Mapping
from typing import Any, NoReturn

from shared.errors import MalformedRequest, TooLarge, UnsupportedMedia

MAX_BODY_BYTES = 256 * 1024
MAX_DEPTH = 32


def admit(event: Mapping[str, Any]) -> None:
    """Raise where the body is not what a POST of this API may carry."""
    body = event.get("body") or ""
    if event["requestContext"]["http"]["method"] != "POST" or not body:
        return
    media_type = str(event.get("headers", {}).get("content-type", "")).partition(";")[0]
    if media_type.strip().lower() != "application/json":
        raise UnsupportedMedia("send `Content-Type: application/json`")
    if len(body) > MAX_BODY_BYTES:
        raise TooLarge(f"a request body has {MAX_BODY_BYTES} bytes at most; upload pictures")
    _check_depth(_parse(_decoded(body, bool(event.get("isBase64Encoded")))))


def _decoded(body: str, is_base64: bool) -> str:
    try:
        return base64.b64decode(body, validate=True).decode() if is_base64 else body
    except ValueError:
        raise MalformedRequest("the body is not UTF-8") from None


def _parse(text: str) -> Any:
    try:
        parsed = json.loads(text, parse_constant=_refuse_constant)
        json.dumps(parsed, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise MalformedRequest(f"the body is not JSON: {error}") from None
    return parsed


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _check_depth(value: Any, depth: int = 0) -> None:
    if depth > MAX_DEPTH:
        raise MalformedRequest(f"the body is nested more than {MAX_DEPTH} deep")
    children = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict | list):
        for child in children:
            _check_depth(child, depth + 1)
