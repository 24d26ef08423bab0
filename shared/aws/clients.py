"""The one module that imports the SDK: clients, their errors, and signatures.

It works with botocore, boto3's own core: what boto3 adds (resources, managed transfers) is unused
here, and importing it costs every cold start 150-250 ms.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from ssl import SSLContext, create_default_context
from threading import RLock
from typing import Any
from urllib.request import getproxies

from botocore.auth import SIGV4_TIMESTAMP, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionError,
    CredentialRetrievalError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    MetadataRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
)
from botocore.httpsession import get_cert_path
from botocore.parsers import ResponseParserError
from botocore.session import Session

from shared.aws.wire import Wire
from shared.errors import Unavailable

Response = dict[str, Any]

CONNECT_SECONDS = 3
READ_SECONDS = 4
SLOW_SECONDS = {"sqs": 25, "s3": 20}
"""Above the longest poll, and the time that S3 takes to write down a large blob."""
ATTEMPTS = 4
"""The SDK's, after the wire's. All attempts of a call to the table are over within the half minute
that a function has, and that a message is held: who waits longer for a heartbeat has lost its job.
"""
CONNECTIONS = 32

THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestTimeout",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
DAMAGED = frozenset({"BadDigest", "IncompleteBody", "InvalidDigest", "XAmzContentSHA256Mismatch"})
"""Not all of the request arrived as it was sent."""
UNTRUSTED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "InvalidToken",
        "NoSuchBucket",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
"""Our credentials, rights, clock or settings are wrong: no job's fault, and somebody mends it."""
FORBIDDEN = 403
"""How a HEAD says it, which has no code."""
SERVER_ERROR = 500

NO_ANSWER = (
    ConnectionError,
    HTTPClientError,
    IncompleteReadError,
    FlexibleChecksumError,
    ResponseParserError,
)
NO_CREDENTIALS = (
    CredentialRetrievalError,
    MetadataRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
)


class Refused(Exception):
    """AWS answered, with an error that is ours to understand: trying again would not help."""

    def __init__(self, code: str, response: Response) -> None:
        super().__init__(f"{code}: {response['Error'].get('Message', '')}")
        self.code = code
        self.response = response


class Clients:
    """One client for each service, made when first called and shared by all threads."""

    def __init__(self, endpoint: str | None = None) -> None:
        self.endpoint = endpoint
        self._lock = RLock()
        self._made: dict[str, Any] = {}
        self._session: Any = None
        self._trust: SSLContext | None = None
        self.wire: Wire | None = None if getproxies() else Wire(self)
        """None where only the SDK knows the way."""

    def call(self, service: str, operation: str, /, **request: Any) -> Response:
        """Call an operation. Raises `Unavailable` where another try may help, else `Refused`."""
        with translated():
            answer = self.wire.call(service, operation, request) if self.wire else None
            return self._call(service, operation, request) if answer is None else answer

    def call_all(
        self, service: str, operation: str, requests: Sequence[Response]
    ) -> list[Response]:
        """As `call`, several at the same time. None is under way any more when it returns, or
        raises."""
        with translated():
            wire = self.wire
            begun = [wire.begin(service, operation, one) for one in requests] if wire else []
            answers = [answer() for answer in begun] or [None] * len(requests)
            return [
                self._call(service, operation, request) if answer is None else answer
                for request, answer in zip(requests, answers, strict=True)
            ]

    def _call(self, service: str, operation: str, request: Response) -> Response:
        """By the SDK."""
        response: Response = getattr(self.client(service), operation)(**request)
        return response

    def client(self, service: str) -> Any:
        with self._lock:  # a session makes clients for one thread at a time
            if service not in self._made:
                self._made[service] = self.session().create_client(
                    service, endpoint_url=self.endpoint, config=_config(service)
                )
            return self._made[service]

    def session(self) -> Any:
        with self._lock:
            self._session = self._session or Session()
            return self._session

    def url(self, service: str) -> str:
        """Where a service is reached."""
        return str(self.client(service).meta.endpoint_url)

    def patience(self, service: str) -> tuple[float, float]:
        """Seconds for a connection, and for an answer."""
        return CONNECT_SECONDS, SLOW_SECONDS.get(service, READ_SECONDS)

    def trust(self) -> SSLContext:
        """The authorities that the SDK trusts."""
        with self._lock:
            if self._trust is None:
                bundle = self.session().get_config_variable("ca_bundle")
                self._trust = create_default_context(cafile=bundle or get_cert_path(True))
            return self._trust

    def bucket_url(self, bucket: str) -> str:
        """Where the world reaches a bucket: at its region, or path-style at an emulator.

        https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
        """
        if self.endpoint:
            return f"{self.endpoint}/{bucket}"
        region = self.region
        return f"https://{bucket}.s3.{region}.amazonaws.com" + ".cn" * region.startswith("cn-")

    def presign(
        self, method: str, url: str, headers: Mapping[str, str], signed_at: datetime, seconds: int
    ) -> str:
        """The URL with a signature over the method, path, query and headers, as of `signed_at`.

        https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
        """
        signer = S3SigV4QueryAuth(self.credentials(), "s3", self.region, expires=seconds)
        request = AWSRequest(method=method, url=url, headers=dict(headers))
        # What `signer.add_auth` does, at a moment of our choosing.
        request.context["timestamp"] = signed_at.astimezone(UTC).strftime(SIGV4_TIMESTAMP)
        signer._modify_request_before_signing(request)
        text = signer.string_to_sign(request, signer.canonical_request(request))
        signer._inject_signature_to_request(request, signer.signature(text, request))
        return str(request.url)

    def credentials(self) -> Any:
        """As they are now: those of a role change by the hour."""
        with translated():
            found = self.session().get_credentials()
            if found is None:
                raise NoCredentialsError
            return found.get_frozen_credentials()

    @cached_property
    def region(self) -> str:
        return str(self.session().get_config_variable("region"))


@contextmanager
def translated() -> Iterator[None]:
    """The SDK's errors as ours. What it says of an answer that did not come holds the whole URL,
    and of one that it cannot read the whole text: neither is for a log, or for a client."""
    try:
        yield
    except ClientError as error:
        raise _translate(error) from error
    except NO_ANSWER as error:
        raise Unavailable(f"AWS does not answer: {type(error).__name__}") from None
    except NO_CREDENTIALS as error:
        raise Unavailable(f"we have no credentials for AWS: {type(error).__name__}") from None
    except RuntimeError as error:  # so the SDK says that those of a role came expired
        if "still expired" not in str(error):
            raise
        raise Unavailable("our credentials for AWS have expired") from None


def _translate(error: Any) -> Exception:
    code: str = error.response["Error"]["Code"]
    status: int = error.response["ResponseMetadata"]["HTTPStatusCode"]
    keyless = code.upper().startswith("KMS")  # each service has words of its own for that
    ours = keyless or code in THROTTLED | DAMAGED | UNTRUSTED
    if ours or status == FORBIDDEN or status >= SERVER_ERROR:
        return Unavailable(f"AWS cannot do {error.operation_name} now: {code}")
    return Refused(code, error.response)


def _config(service: str) -> Any:
    return Config(
        signature_version="s3v4" if service == "s3" else None,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        connect_timeout=CONNECT_SECONDS,
        read_timeout=SLOW_SECONDS.get(service, READ_SECONDS),
        max_pool_connections=CONNECTIONS,
        s3={"us_east_1_regional_endpoint": "regional"} if service == "s3" else None,
    )
