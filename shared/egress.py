"""HTTP to addresses that users name, without lending them our place in the network (SSRF).

A name is resolved once; the address is judged; the connection goes to that very address, and the
certificate is checked for the name. So neither a spelling (`127.1`, `0x7f.1`), nor DNS that changes
its answer, nor a redirect leads anywhere but to the public Internet. Every read from the network is
metered, in time and in bytes. Proxies and cookies are not used.
"""

import logging
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from threading import Thread
from urllib.parse import urljoin

from pydantic_core import Url
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.exceptions import TimeoutError as HTTPTimeout
from urllib3.response import BaseHTTPResponse

from shared.addresses import Networks, is_in, is_public, read_address
from shared.metered import Deadline, UrlError, metered

CONNECT_SECONDS = 5.0
FETCH_SECONDS = 60.0
POST_SECONDS = 10.0
MAX_REDIRECTS = 3
MAX_ADDRESSES = 3
CHUNK = 64 * 1024
HEAD_BYTES = 128 * 1024
REDIRECTS = frozenset({301, 302, 303, 307, 308})
AGENT = "Atelier/1"

Resolver = Callable[[str, int], list[str]]
"""From a host and a port to addresses, as text."""

# It writes whole URLs into its warnings, and theirs are nobody's business in a log.
logging.getLogger("urllib3.connection").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Target:
    """What a URL asks for, and of whom."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """The `Host` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class Answer:
    """What a receiver says to a POST."""

    status: int
    retry_after: str = ""


@dataclass(frozen=True)
class Rules:
    """By what a request is judged: the networks that are allowed beside the public Internet."""

    allow: Networks
    resolve: Resolver
    deadline: Deadline
    most_bytes: int
    """Of an answer as it is sent, head and framing included."""


def lookup(host: str, port: int) -> list[str]:
    """The addresses of a host, the best first, by the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def fetch(
    url: str,
    limit_bytes: int,
    allow: Networks = (),
    *,
    seconds: float = FETCH_SECONDS,
    resolve: Resolver = lookup,
) -> bytes:
    """The bytes behind the URL. Raises `UrlError`. Redirects are followed, each judged anew."""
    most_bytes = HEAD_BYTES + limit_bytes + limit_bytes // 8
    rules = Rules(allow, resolve, Deadline.after(seconds), most_bytes)
    headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
    for _ in range(MAX_REDIRECTS + 1):
        with _exchange("GET", url, None, headers, rules) as response:
            if response.status not in REDIRECTS:
                return _body(response, limit_bytes)
            url = urljoin(url, response.headers.get("Location", ""))
    raise UrlError("url_redirects", f"more than {MAX_REDIRECTS} redirects")


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    allow: Networks = (),
    *,
    seconds: float = POST_SECONDS,
    resolve: Resolver = lookup,
) -> Answer:
    """Send the body; the head of the answer, whose body is not read. Redirects are not followed."""
    rules = Rules(allow, resolve, Deadline.after(seconds), HEAD_BYTES)
    with _exchange("POST", url, body, headers, rules) as response:
        return Answer(response.status, response.headers.get("Retry-After", ""))


def read_target(url: str) -> Target:
    """The parts of a URL, by the parser that also checks the contract's URLs (WHATWG)."""
    try:
        parsed = Url(url)
    except ValueError:
        raise UrlError("url_refused", "this is no URL") from None
    if parsed.scheme not in DEFAULT_PORTS or not parsed.host:
        raise UrlError("url_refused", "only https URLs can be used")
    if parsed.username or parsed.password:
        raise UrlError("url_refused", "a URL must not carry a user name or a password")
    path = (parsed.path or "/") + (f"?{parsed.query}" if parsed.query else "")
    port = parsed.port or DEFAULT_PORTS[parsed.scheme]
    return Target(parsed.scheme, parsed.host.strip("[]"), port, path)


@contextmanager
def _exchange(
    method: str, url: str, body: bytes | None, headers: Mapping[str, str], rules: Rules
) -> Iterator[BaseHTTPResponse]:
    """One request on a connection of its own."""
    target = read_target(url)
    sent = {"Host": target.authority, "User-Agent": AGENT, "Connection": "close", **headers}
    with _told(target), ExitStack() as at_end:
        connection = at_end.enter_context(closing(_connect(target, rules)))
        connection.response_class = metered(rules.deadline, rules.most_bytes, at_end.callback)
        connection.request(method, target.path, body, sent, preload_content=False)
        yield at_end.enter_context(closing(connection.getresponse()))


@contextmanager
def _told(target: Target) -> Iterator[None]:
    """Whatever goes wrong on the network, as `UrlError`."""
    try:
        yield
    except (OSError, ValueError, HTTPError, HTTPException) as error:
        slow = isinstance(error, TimeoutError | HTTPTimeout)
        slow = slow and not isinstance(error, NewConnectionError)  # a subclass in name only
        code = "url_timeout" if slow else "url_unreachable"
        reason = f"{target.host}: {type(error).__name__}"
        raise UrlError(code, reason, retryable=True) from None


def _judged(target: Target, rules: Rules) -> list[str]:
    """The addresses of the target that may be connected to."""
    found = _in_time(lambda: rules.resolve(target.host, target.port), rules.deadline)
    usable = [text for text in found if _may_reach(target, text, rules.allow)]
    if not usable:
        raise UrlError("url_refused", "only https, port 443 and public addresses can be used")
    return usable[:MAX_ADDRESSES]


def _may_reach(target: Target, text: str, allow: Networks) -> bool:
    address = read_address(text)
    if is_in(address, allow):
        return True
    return target.scheme == "https" and target.port == 443 and is_public(address)


def _in_time(work: Callable[[], list[str]], deadline: Deadline) -> list[str]:
    """A resolver knows no deadline: wait for it no longer than there is time."""
    future: Future[list[str]] = Future()
    Thread(target=_fulfil, args=(future, work), name="resolver", daemon=True).start()
    return future.result(timeout=deadline.left())


def _fulfil(future: "Future[list[str]]", work: Callable[[], list[str]]) -> None:
    try:
        future.set_result(work())
    except Exception as error:  # handed to the thread that waits
        future.set_exception(error)


def _connect(target: Target, rules: Rules) -> HTTPConnection:
    """A connection to the first address that answers."""
    *others, last = _judged(target, rules)
    for address in others:
        with suppress(OSError, HTTPError):
            return _connect_to(target, address, rules)
    return _connect_to(target, last, rules)


def _connect_to(target: Target, address: str, rules: Rules) -> HTTPConnection:
    timeout = min(CONNECT_SECONDS, rules.deadline.left())
    connection = _connection(target, address, timeout)
    try:
        connection.connect()
    except BaseException:
        connection.close()
        raise
    return connection


def _connection(target: Target, address: str, timeout: float) -> HTTPConnection:
    if target.scheme == "http":
        return HTTPConnection(address, target.port, timeout=timeout)
    return HTTPSConnection(
        address,
        target.port,
        timeout=timeout,
        server_hostname=target.host,
        assert_hostname=target.host,
        ssl_context=_trust(),
    )


@cache
def _trust() -> ssl.SSLContext:
    """The system's certificate authorities; reading them takes 20 ms."""
    return ssl.create_default_context()


def _body(response: BaseHTTPResponse, limit: int) -> bytes:
    """The whole body, unpacked should the server have packed it, if it is not too long."""
    _check_status(response.status)
    body = bytearray()
    for chunk in response.stream(CHUNK, decode_content=True):
        body += chunk
        if len(body) > limit:
            raise UrlError("url_too_large", f"there are more than {limit} bytes")
    return bytes(body)


def _check_status(status: int) -> None:
    if status != 200:
        again = status >= 500 or status in (408, 429)
        raise UrlError("url_status", f"the server answered {status}", retryable=again)
