"""Every error that a caller can be told about.

    AtelierError                 code, status, retryable
    ├── RequestError             what the caller sent or asked for
    │   ├── InvalidRequest       422
    │   ├── MalformedRequest     400
    │   ├── Unauthenticated      401
    │   ├── Forbidden            403
    │   ├── NotFound             404
    │   │   ├── ModelNotFound
    │   │   ├── JobNotFound
    │   │   ├── UploadNotFound
    │   │   ├── ArtworkNotFound
    │   │   └── DeliveryNotFound
    │   ├── MethodNotAllowed     405
    │   ├── Conflict             409
    │   │   ├── IdempotencyMismatch
    │   │   ├── JobEnded
    │   │   └── UploadIncomplete
    │   ├── Gone                 410
    │   ├── TooLarge             413
    │   ├── UnsupportedMedia     415
    │   └── TooManyRequests      429, worth a retry
    ├── InputError               a job's own input cannot be used: the job fails with this code
    ├── ModelError               the model failed on this job
    └── Unavailable              503, worth a retry

`WriteConflict` and `StaleAttempt` are no part of the tree: they never reach a caller.
"""

import math
from http import HTTPStatus
from typing import ClassVar


class AtelierError(Exception):
    """The root: a stable machine-readable code, an HTTP status and whether a retry can help."""

    code: str = "internal_error"
    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR
    retryable: bool = False
    retry_after: int = 5
    """Seconds, where a retry can help."""

    def __init__(self, message: str = "", *, code: str | None = None) -> None:
        super().__init__(message or self.__class__.__name__)
        if code:
            self.code = code


class RequestError(AtelierError):
    """The caller's doing."""

    status = HTTPStatus.BAD_REQUEST
    code = "bad_request"


class MalformedRequest(RequestError):
    code = "malformed_request"


class InvalidRequest(RequestError):
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid_request"


class Unauthenticated(RequestError):
    status = HTTPStatus.UNAUTHORIZED
    code = "unauthenticated"


class Forbidden(RequestError):
    status = HTTPStatus.FORBIDDEN
    code = "forbidden"


class NotFound(RequestError):
    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class ModelNotFound(NotFound):
    code = "model_not_found"


class JobNotFound(NotFound):
    code = "job_not_found"


class UploadNotFound(NotFound):
    code = "upload_not_found"


class ArtworkNotFound(NotFound):
    code = "artwork_not_found"


class DeliveryNotFound(NotFound):
    code = "delivery_not_found"


class MethodNotAllowed(RequestError):
    status = HTTPStatus.METHOD_NOT_ALLOWED
    code = "method_not_allowed"


class Conflict(RequestError):
    status = HTTPStatus.CONFLICT
    code = "conflict"


class IdempotencyMismatch(Conflict):
    code = "idempotency_mismatch"


class JobEnded(Conflict):
    code = "job_ended"


class UploadIncomplete(Conflict):
    code = "upload_incomplete"


class Gone(RequestError):
    status = HTTPStatus.GONE
    code = "gone"


class TooLarge(RequestError):
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "too_large"


class UnsupportedMedia(RequestError):
    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "unsupported_media_type"


class TooManyRequests(RequestError):
    """More than the caller may ask at once."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too_many_requests"
    retryable = True

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.retry_after = max(1, math.ceil(seconds))


class InputError(AtelierError):
    """A job's input cannot be used. `code` says why, for example `image_unreadable`."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "input_unusable"


class ModelError(AtelierError):
    """The model failed on this job."""

    code = "model_failed"


class Unavailable(AtelierError):
    """A service that we need does not answer; the same request may succeed later."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "unavailable"
    retryable = True


class WriteConflict(Exception):
    """A conditional write lost its race: somebody else wrote the item first."""


class StaleAttempt(Exception):
    """A worker that no longer holds the job tried to write to it: its fencing token is old."""
