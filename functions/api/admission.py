"""What a request must be before it is looked at: an event of the known shape, and a body that is
JSON, UTF-8, finite and not too deep."""

import base64
import json
from collections.abc import Mapping
from typing import Annotated, Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from shared.errors import MalformedRequest, TooLarge, UnsupportedMedia

MAX_BODY_BYTES = 256 * 1024
MAX_DEPTH = 32
JSON = "application/json"
Text = Annotated[str, StringConstraints(min_length=0)]
"""Any constraint makes pydantic look: half a surrogate pair is no text."""


class Part(BaseModel):
    """A part of an event; what we do not look at is kept."""

    model_config = ConfigDict(extra="allow")


class Http(Part):
    method: Text
    path: Text = ""


class Jwt(Part):
    claims: dict[str, Any] = {}


class Authorizer(Part):
    """What the authorizer found: ours by API key, or the gateway's own by JWT."""

    by_key: dict[str, Any] | None = Field(default=None, alias="lambda")
    jwt: Jwt | None = None


class RequestContext(Part):
    http: Http
    stage: Text = "$default"
    authorizer: Authorizer | None = None


class HttpEvent(Part):
    """An event of an API Gateway HTTP API, payload 2.0, as far as it matters here."""

    raw_path: Text = Field(alias="rawPath")
    context: RequestContext = Field(alias="requestContext")
    headers: dict[Text, Text] | None = None
    query: dict[Text, Text] | None = Field(default=None, alias="queryStringParameters")
    cookies: list[Text] | None = None
    body: Text | None = None
    is_base64: bool | None = Field(default=None, alias="isBase64Encoded")


def admit(event: Mapping[str, Any]) -> dict[str, Any]:
    """The event as the resolver can take it. Raises where it is not what this API answers."""
    read = _read(event)
    headers = {name.lower(): text for name, text in (read.headers or {}).items()}
    if read.context.http.method == "POST":
        if read.body:
            _check_body(read.body, bool(read.is_base64), headers.get("content-type", ""))
        headers["content-type"] = JSON  # however it was spelled, and whatever types no body at all
    admitted = read.model_dump(by_alias=True, exclude_none=True)
    return {"queryStringParameters": {}, **admitted, "headers": headers}


def _read(event: Mapping[str, Any]) -> HttpEvent:
    try:
        return HttpEvent.model_validate(event)
    except ValidationError:
        raise MalformedRequest("this is no event of an HTTP API") from None


def _check_body(body: str, is_base64: bool, content_type: str) -> None:
    if content_type.partition(";")[0].strip().lower() != JSON:
        raise UnsupportedMedia(f"send `Content-Type: {JSON}`")
    text = _decoded(body) if is_base64 else body
    _check_size(text)
    _check_depth(_parse(text))


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
