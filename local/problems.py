"""The front's own errors, as RFC 9457 problem+json."""

import json
from http import HTTPStatus

from local.asgi import Headers, Plain
from shared.errors import AtelierError


def problem(error: AtelierError) -> Plain:
    """The answer that tells this error."""
    extra: Headers = []
    if error.status == HTTPStatus.UNAUTHORIZED:
        extra.append(("www-authenticate", "Bearer"))
    if error.retryable:
        extra.append(("retry-after", str(error.retry_after)))
    return refusal(error.status, error.code, str(error), extra)


def refusal(status: int, code: str, detail: str, extra: Headers | None = None) -> Plain:
    """An error answer of any status."""
    headers = [
        ("content-type", "application/problem+json"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        *(extra or []),
    ]
    return Plain(status, headers, document(status, code, detail))


def document(status: int, code: str, detail: str) -> bytes:
    """The JSON of a problem (`shared.contract.Problem`)."""
    told = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "errors": [],
    }
    return json.dumps(told, ensure_ascii=False).encode()
