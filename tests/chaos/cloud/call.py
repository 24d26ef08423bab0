"""What a request on the wire asks of AWS, and how AWS says that it cannot."""

import re
from dataclasses import dataclass
from urllib.parse import parse_qs

import h11
from pydantic_core import to_json

CREDENTIAL = re.compile(r"Credential=[^/]+/[0-9]{8}/[^/]+/([^/]+)/aws4_request")
JSON = "application/x-amz-json-1.0"
THROTTLED = {
    "dynamodb": "ProvisionedThroughputExceededException",
    "s3": "SlowDown",
    "sns": "Throttling",
}
ERROR_PAGE = "<{0}><Error><Code>{1}</Code><Message>chaos</Message></Error></{0}>"
ERROR_OBJECT = "<Error><Code>{}</Code><Message>chaos</Message></Error>"


@dataclass(frozen=True)
class Call:
    """One operation of one service; None for what was not signed with a header, as a signed URL
    that a client uses."""

    service: str | None
    operation: str

    @classmethod
    def of(cls, request: h11.Request, body: bytes) -> "Call":
        headers = {name.decode(): value.decode("latin-1") for name, value in request.headers}
        signed = CREDENTIAL.search(headers.get("authorization", ""))
        target = headers.get("x-amz-target", "").rpartition(".")[2]
        service = signed[1] if signed else None
        if service == "s3":
            verb = "COPY" if "x-amz-copy-source" in headers else request.method.decode()
            return cls(service, verb)
        return cls(service, target or parse_qs(body.decode("latin-1")).get("Action", [""])[0])

    def throttled(self) -> tuple[h11.Response, bytes]:
        """Too many requests."""
        code = THROTTLED.get(self.service or "", "ThrottlingException")
        return self._error(503 if self.service == "s3" else 400, code)

    def failed(self) -> tuple[h11.Response, bytes]:
        """An error on AWS's side. A copy may tell it after it has said 200."""
        return self._error(200 if self.operation == "COPY" else 500, "InternalError")

    def _error(self, status: int, code: str) -> tuple[h11.Response, bytes]:
        if self.service == "s3":
            return response(status, "application/xml", ERROR_OBJECT.format(code).encode())
        if self.service == "sns":
            return response(status, "text/xml", ERROR_PAGE.format("ErrorResponse", code).encode())
        return response(status, JSON, to_json({"__type": code, "message": "chaos"}))


def response(status: int, media_type: str, body: bytes) -> tuple[h11.Response, bytes]:
    """An answer of ours."""
    headers = [("content-type", media_type), ("content-length", str(len(body)))]
    return h11.Response(status_code=status, headers=headers), body
