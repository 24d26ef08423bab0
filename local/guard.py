"""Who may talk to a front that asks for no key: this machine's own programs and our own page.

A web page from elsewhere can make a browser send requests to 127.0.0.1. It cannot forge `Host` or
`Origin`, and cannot send JSON without being asked for its origin first.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

from shared.errors import Forbidden, UnsupportedMedia

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


class Guard:
    """The rules of a front on the loopback interface."""

    def __init__(self, port: int, home: str) -> None:
        """`home` is the public URL, which signed URLs begin with."""
        self._home = home
        self._netloc = urlsplit(home).netloc.lower()
        named = {f"{name}:{port}" for name in LOOPBACK_NAMES}
        self.hosts = {self._netloc, *named, *(LOOPBACK_NAMES if port == 80 else ())}

    def check(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        """Raise `Forbidden` or `UnsupportedMedia` for what may come from a stranger's page."""
        host = headers.get("host", "").lower()
        if host not in self.hosts:
            raise Forbidden("this host name is not ours", code="host_refused")
        origin = headers.get("origin")
        if origin is not None and origin.lower() != f"http://{host}":
            raise Forbidden("pages of another origin are not served", code="origin_refused")
        if method == "POST" and path.startswith("/v1/") and _has_body(headers):
            _demand_json(headers.get("content-type", ""))

    def better_place(self, path: str, headers: Mapping[str, str]) -> str | None:
        """Where the page is to be opened instead: under another of our names than the one in signed
        URLs, it could not reach those, which then are of another origin."""
        if path == "/" and headers["host"].lower() != self._netloc:
            return f"{self._home}/"
        return None


def _has_body(headers: Mapping[str, str]) -> bool:
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _demand_json(content_type: str) -> None:
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMedia("send `Content-Type: application/json`")
