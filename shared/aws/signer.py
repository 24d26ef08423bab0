"""Signatures of AWS, version 4, in the headers of a request that has no query."""

import hmac
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Protocol

ALGORITHM = "AWS4-HMAC-SHA256"


class Credentials(Protocol):
    """Who signs."""

    access_key: str
    secret_key: str
    token: str | None


class Signer:
    """Signs requests to one service. The key is drawn once a day: that takes as long as the rest.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """

    def __init__(self, service: str, region: str) -> None:
        self._region, self._service = region, service
        self._drawn: tuple[str, str, bytes] = ("", "", b"")

    def sign(
        self,
        credentials: Credentials,
        method: str,
        path: str,
        headers: Mapping[str, str],
        digest: str,
    ) -> dict[str, str]:
        """The headers, whose names are in lower case, with a signature over them and the digest of
        the body, as of now."""
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        signed = {**headers, "x-amz-date": moment}
        if credentials.token:
            signed["x-amz-security-token"] = credentials.token
        names = sorted(signed)
        lines = [f"{name}:{signed[name]}" for name in names]
        canonical = "\n".join((method, path, "", *lines, "", ";".join(names), digest))
        scope = f"{moment[:8]}/{self._region}/{self._service}/aws4_request"
        text = f"{ALGORITHM}\n{moment}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
        key = self._key(credentials.secret_key, moment[:8])
        signed["authorization"] = (
            f"{ALGORITHM} Credential={credentials.access_key}/{scope}, "
            f"SignedHeaders={';'.join(names)}, "
            f"Signature={hmac.digest(key, text.encode(), 'sha256').hex()}"
        )
        return signed

    def _key(self, secret: str, day: str) -> bytes:
        for_secret, for_day, key = self._drawn
        if (for_secret, for_day) != (secret, day):
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._drawn = secret, day, key
        return key
