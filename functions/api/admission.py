"""What a request must be before it is looked at: an event of the known shape, and a body that is
JSON, UTF-8, finite and not too deep."""

import base64
import json
from collections.abc import Mapping
from typing import Annotated, Any, NoReturn

from pydantic import BaseModel, Field, StringConstraints, ValidationError

from shared.errors import MalformedRequest, TooLarge, UnsupportedMedia

MAX_BODY_BYTES = 256 * 1024
MAX_DEPTH = 32
JSON = "application/json"
BODY = {"body", "is_base64"}
"""Of an event: what the resolver gets parsed."""
Text = Annotated[str, StringConstraints(min_length=0)]
"""Any constraint makes pydantic look: half a surrogate pair is no text."""


class Http(BaseModel):
    method: Text
    path: Text = ""


class Jwt(BaseModel):
    claims: dict[str, Any] = {}


class Authorizer(BaseModel):
    """What the authorizer found: ours by API key, or the gateway's own by JWT."""

    by_key: dict[str, Any] | None = Field(default=None, alias="lambda")
    jwt: Jwt | None = None


class RequestContext(BaseModel):
    http: Http
    stage: Text = "$default"
    authorizer: Authorizer | None = None


class HttpEvent(BaseModel):
    """An event of an API Gateway HTTP API, payload 2.0, as far as it matters here."""

    raw_path: Text = Field(alias="rawPath")
    raw_query: Text | None = Field(default=None, alias="rawQueryString")
    context: RequestContext = Field(alias="requestContext")
    headers: dict[Text, Text] | None = None
    query: dict[Text, Text] | None = Field(default=None, alias="queryStringParameters")
    cookies: list[Text] | None = None
    body: Text | None = None
    is_base64: bool | None = Field(default=None, alias="isBase64Encoded")


def admit(event: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    """The event as the resolver can take it, and its body parsed, None where there is none to look
    at. Raises where it is not what this API answers."""
    read = _read(event)
    headers = {name.lower(): text for name, text in (read.headers or {}).items()}
    body = None
    if read.body and read.context.http.method == "POST":
        body = _parsed(read.body, bool(read.is_base64), headers.get("content-type", ""))
    admitted = read.model_dump(by_alias=True, exclude_none=True, exclude=BODY)
    return {"queryStringParameters": {}, **admitted, "headers": headers}, body


def _read(event: Mapping[str, Any]) -> HttpEvent:
    try:
        return HttpEvent.model_validate(event)
    except ValidationError:
        raise MalformedRequest("this is no event of an HTTP API") from None


def _parsed(body: str, is_base64: bool, content_type: str) -> Any:
    if content_type.partition(";")[0].strip().lower() != JSON:
        raise UnsupportedMedia(f"send `Content-Type: {JSON}`")
    text = _decoded(body) if is_base64 else body
    _check_size(text)
    parsed = _parse(text)
    _check_depth(parsed)
    return parsed


def _check_size(text: str) -> None:
    if len(text.encode()) > MAX_BODY_BYTES:
        raise TooLarge(f"a request body has {MAX_BODY_BYTES} bytes at most; upload pictures")


def _decoded(body: str) -> str:
    try:
        return base64.b64decode(body, validate=True).decode()
    except ValueError:
        raise MalformedRequest("the body is not UTF-8") from None


def _parse(text: str) -> Any:
    try:
        parsed = json.loads(text, parse_constant=_refuse_constant)
        written = json.dumps(parsed, ensure_ascii=False, allow_nan=False)
        _check_size(written)  # `1e15` grows when it is kept, and a table's items have an end
    except (ValueError, RecursionError) as error:
        raise MalformedRequest(f"the body is not JSON: {_reason(error)}") from None
    return parsed


def _reason(error: Exception) -> str:
    """What is wrong, without the body that it is wrong with."""
    return error.reason if isinstance(error, UnicodeEncodeError) else str(error)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _check_depth(value: Any, depth: int = 0) -> None:
    if depth > MAX_DEPTH:
        raise MalformedRequest(f"the body is nested more than {MAX_DEPTH} deep")
    children = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict | list):
        for child in children:
            _check_depth(child, depth + 1)
