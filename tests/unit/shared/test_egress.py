"""No URL leads anywhere but to the public Internet, and none holds us up or floods us."""

import gzip
import logging
import socket
import ssl
import time
import tracemalloc
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from pathlib import Path

import pytest

from shared import egress
from shared.addresses import is_public, read_address
from shared.egress import Answer, fetch, post, read_target
from shared.errors import InputError
from tests.receiver import LOOPBACK, Reply, receiving, speaking
from tests.tls import certified

LIMIT = 100_000


def refused(url: str, **named: object) -> str:
    """The code with which a fetch fails."""
    with pytest.raises(InputError) as caught:
        fetch(url, LIMIT, **named)  # type: ignore[arg-type]
    return caught.value.code


def always(*addresses: str) -> Callable[[str, int], list[str]]:
    return lambda host, port: list(addresses)


SPELLINGS = [
    "https://127.0.0.1/",
    "https://127.1/",
    "https://0x7f.1/",
    "https://2130706433/",
    "https://017700000001/",
    "https://0177.0.0.01/",
    "https://0/",
    "https://0.0.0.0/",
    "https://[::]/",
    "https://[::1]/",
    "https://[::127.0.0.1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b::10.0.0.1]/",
    "https://[64:ff9b:1::10.0.0.1]/",
    "https://[2002:7f00:1::]/",
    "https://[2001:0:7f00:1::]/",
    "https://[fe80::1]/",
    "https://[fec0::1]/",
    "https://[fd00:ec2::254]/",
    "https://[ff02::1]/",
    "https://[2001:db8::1]/",
    "https://169.254.169.254/latest/meta-data/",
    "https://169.254.170.2/",
    "https://100.100.100.200/",
    "https://168.63.129.16/",
    "https://192.0.0.192/",
    "https://10.0.0.1/",
    "https://172.16.0.1/",
    "https://172.31.255.255/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://100.127.255.255/",
    "https://198.18.0.1/",
    "https://224.0.0.1/",
    "https://240.0.0.1/",
    "https://255.255.255.255/",
    "https://localhost/",
    "https://LOCALHOST/",
    "https://１２７.０.０.１/",
    "https://①②⑦.⓪.⓪.①/",
    "https://127。0。0。1/",
    "https://%31%32%37.0.0.1/",
    "https://127.0.0.1./",
    "https://ｌｏｃａｌｈｏｓｔ/",
    "https://2852039166/",
    "https://0xa9fea9fe/",
    "https://0xA9.0xFE.0xA9.0xFE/",
    "https://0251.0376.0251.0376/",
    "https://025177524776/",
    "https://169.254.43518/",
    "https://169.16689662/",
    "https://１６９.２５４.１６９.２５４/",
    "https://169。254｡169．254/",
    "https://169.254.169.254./",
    "https://[::ffff:169.254.169.254]/",
    "https://[::ffff:a9fe:a9fe]/",
    "https://[::ffff:0:169.254.169.254]/",
    "https://[::169.254.169.254]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[2002:a9fe:a9fe::]/",
    "https://[2001:0:a9fe:a9fe::1]/",
    "https://[fe80::5efe:a9fe:a9fe]/",
    "https://[fd00::1]/",
    "https://[fc00::1]/",
    "https://[0:0:0:0:0:0:0:1]/",
    "https:\\\\127.0.0.1\\",
    "https:127.0.0.1",
    "https:/127.0.0.1/",
    " https://127.0.0.1/ ",
    "ht\ntps://127.0.0.1/",
    "https://127.0.\t0.1/",
]


@pytest.mark.parametrize("url", SPELLINGS)
def test_no_spelling_of_an_address_that_is_not_public_is_reached(url: str) -> None:
    assert refused(url) == "url_refused"
    with pytest.raises(InputError) as caught:
        post(url, b"{}", {})
    assert caught.value.code == "url_refused"


@pytest.mark.parametrize("url", [url for url in SPELLINGS if url.isascii() and url.isprintable()])
def test_no_redirect_leads_to_any_of_them(url: str) -> None:
    def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"] if host == "first.test" else egress.lookup(host, port)

    with receiving(Reply(302, headers={"Location": url})) as server:
        here = server.url(host="first.test")
        with pytest.raises(InputError) as caught:
            fetch(here, LIMIT, allow=LOOPBACK, resolve=resolve, seconds=5)
    assert caught.value.code in ("url_refused", "url_unreachable")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/\r\nX-Evil: 1",
        "/?a=b\r\n\r\nGET /evil HTTP/1.1",
        "/%0d%0aX-Evil:%201",
        "/ HTTP/1.1\r\nX-Evil: 1",
    ],
)
def test_a_url_adds_no_header_and_no_request(path: str) -> None:
    with receiving(Reply(body=b"art")) as server:
        assert fetch(server.url(path), LIMIT, LOOPBACK) == b"art"
        assert post(server.url(path), b"{}", {}, LOOPBACK).status == 200
    assert [request.method for request in server.requests] == ["GET", "POST"]
    assert not [name for request in server.requests for name in request.headers if "evil" in name]


def test_who_stands_before_the_at_sign_is_not_the_host() -> None:
    for url in ("https://8.8.8.8@127.0.0.1/", "https://example.com:443@10.0.0.1/"):
        assert refused(url) == "url_refused"
    assert read_target("https://example.com/@127.0.0.1").host == "example.com"
    assert read_target("https://example.com\\@127.0.0.1/").host == "example.com"
    assert read_target("https://example.com#@127.0.0.1/").host == "example.com"


def test_a_name_with_a_dot_at_its_end_is_judged_by_its_address() -> None:
    assert refused("https://localhost./") in ("url_refused", "url_unreachable")
    assert refused("https://localhost./", resolve=always("127.0.0.1")) == "url_refused"


def test_a_webhook_goes_to_the_address_that_was_judged() -> None:
    answers = [["127.0.0.1"], ["127.0.0.2"]]

    def rebinding(host: str, port: int) -> list[str]:
        return answers.pop(0)

    with receiving() as server:
        url = server.url("/hook", host="rebinding.test")
        assert post(url, b"{}", {}, LOOPBACK, resolve=rebinding).status == 200
        with pytest.raises(InputError) as caught:
            post(url, b"{}", {}, LOOPBACK, resolve=rebinding)
        assert caught.value.code == "url_refused"
        mixed = always("10.0.0.1", "::1", "fe80::1%2", "127.0.0.1")
        assert post(url, b"{}", {}, LOOPBACK, resolve=mixed).status == 200
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "url",
    [
        "http://8.8.8.8/",
        "https://8.8.8.8:8443/",
        "https://8.8.8.8:22/",
        "http://8.8.8.8:443/",
        "https://user@8.8.8.8/",
        "https://user:secret@8.8.8.8/",
        "https://:secret@8.8.8.8/",
        "file:///etc/passwd",
        "ftp://8.8.8.8/",
        "gopher://8.8.8.8/",
        "data:image/png;base64,AA==",
        "//8.8.8.8/",
        "8.8.8.8",
        "",
        "https://",
        "https://a b/",
        "https://[fe80::1%25eth0]/",
        "https://exa\0mple.com/",
    ],
)
def test_only_https_on_its_own_port_without_credentials(url: str) -> None:
    assert refused(url, seconds=1) == "url_refused"
    with pytest.raises(InputError) as caught:
        post(url, b"", {}, seconds=1)
    assert caught.value.code == "url_refused"


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("8.8.8.8", True),
        ("172.32.0.1", True),
        ("100.128.0.1", True),
        ("2606:4700::1111", True),
        ("64:ff9b::808:808", True),
        ("::ffff:8.8.8.8", True),
        ("::ffff:10.0.0.1", False),
        ("2001:1ff::1", False),
        ("2001:200::1", True),
        ("4000::1", False),
        ("fe80::1%2", False),
    ],
)
def test_what_is_public(text: str, public: bool) -> None:
    assert is_public(read_address(text)) is public


def test_an_address_that_is_hidden_in_ipv6_is_allowed_by_its_ipv4_network() -> None:
    with receiving(Reply(body=b"art")) as server:
        found = fetch(server.url(host="[::ffff:127.0.0.1]"), LIMIT, LOOPBACK)
    assert found == b"art"


def test_bytes_are_fetched() -> None:
    with receiving(Reply(body=b"art" * 1000)) as server:
        assert fetch(server.url("/a%20b?c=d&e=ü"), LIMIT, LOOPBACK) == b"art" * 1000
    (request,) = server.requests
    assert request.path == "/a%20b?c=d&e=%C3%BC"
    assert request.headers["host"] == f"127.0.0.1:{server.port}"
    assert request.headers["accept-encoding"] == "identity"
    assert "cookie" not in request.headers


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving(Reply(body=b"proxy")) as proxy, receiving(Reply(body=b"art")) as server:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url())
        assert fetch(server.url(), LIMIT, LOOPBACK) == b"art"
    assert proxy.requests == []


def test_a_redirect_is_followed_within_what_is_allowed() -> None:
    with receiving(Reply(302, headers={"Location": "/art?x=1"}), Reply(body=b"art")) as server:
        assert fetch(server.url("/start"), LIMIT, LOOPBACK) == b"art"
    assert [request.path for request in server.requests] == ["/start", "/art?x=1"]


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.2:{port}/",
        "http://localhost.localdomain.:{port}/",
        "https://169.254.169.254/latest/meta-data/",
        "//10.0.0.1/",
        "file:///etc/passwd",
        "http://user@127.0.0.1:{port}/",
        "http://[::1]:{port}/",
        "http://[bad/",
    ],
)
def test_a_redirect_to_what_is_forbidden_is_not_followed(location: str) -> None:
    with receiving(Reply(302)) as server:
        server.replies = [Reply(302, headers={"Location": location.format(port=server.port)})]
        code = refused(server.url(), allow=LOOPBACK, resolve=_hosts, seconds=2)
    assert code in ("url_refused", "url_unreachable")
    assert len(server.requests) == 1


def _hosts(host: str, port: int) -> list[str]:
    known = {"localhost.localdomain.": ["127.0.0.2"]}
    return known.get(host) or egress.lookup(host, port)


def test_redirects_end() -> None:
    with receiving(Reply(301, headers={"Location": "/again"})) as server:
        assert refused(server.url(), allow=LOOPBACK) == "url_redirects"
    assert len(server.requests) == 1 + egress.MAX_REDIRECTS


def test_dns_that_changes_its_answer_is_asked_once_a_hop() -> None:
    answers = [["127.0.0.1"], ["127.0.0.2"]]
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers[len(asked) - 1]

    with receiving(Reply(body=b"art")) as server:
        url = server.url("/", host="rebinding.test")
        assert fetch(url, LIMIT, LOOPBACK, resolve=rebinding) == b"art"
        assert asked == ["rebinding.test"]
        assert server.requests[0].headers["host"] == f"rebinding.test:{server.port}"
        assert refused(url, allow=LOOPBACK, resolve=rebinding) == "url_refused"


def test_of_several_addresses_only_the_permitted_are_tried() -> None:
    with receiving(Reply(body=b"art")) as server:
        url = server.url(host="many.test")
        assert fetch(url, LIMIT, LOOPBACK, resolve=always("127.0.0.2", "127.0.0.1")) == b"art"
        assert refused(url, allow=LOOPBACK, resolve=always("127.0.0.2", "::1")) == "url_refused"


def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    allow = (ip_network("127.0.0.0/8"),)
    with receiving(Reply(body=b"art")) as server:
        url = server.url(host="many.test")
        assert fetch(url, LIMIT, allow, resolve=always("127.0.0.9", "127.0.0.1")) == b"art"


@pytest.mark.parametrize("failure", [socket.gaierror(-2, "unknown"), UnicodeError("label")])
def test_a_name_that_is_unknown_is_network_trouble(failure: Exception) -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise failure

    with pytest.raises(InputError) as caught:
        fetch("https://nowhere.test/?secret=1", LIMIT, resolve=unknown)
    assert caught.value.code == "url_unreachable"
    assert caught.value.retryable
    assert "secret" not in str(caught.value)


def test_a_resolver_that_hangs_costs_no_more_than_there_is_time() -> None:
    def hangs(host: str, port: int) -> list[str]:
        time.sleep(1)
        return []

    begun = time.monotonic()
    assert refused("https://slow.test/", resolve=hangs, seconds=0.2) == "url_timeout"
    assert time.monotonic() - begun < 0.8


@pytest.mark.parametrize(
    ("status", "retryable"), [(404, False), (403, False), (204, False), (429, True), (503, True)]
)
def test_only_200_gives_bytes(status: int, retryable: bool) -> None:
    with receiving(Reply(status)) as server, pytest.raises(InputError) as caught:
        fetch(server.url(), LIMIT, LOOPBACK)
    assert caught.value.code == "url_status"
    assert caught.value.retryable is retryable


def test_nobody_listens() -> None:
    with receiving() as server:
        pass
    with pytest.raises(InputError) as caught:
        fetch(server.url(), LIMIT, LOOPBACK)
    assert caught.value.code == "url_unreachable"
    assert caught.value.retryable


def test_a_body_of_just_the_limit_is_taken_and_one_more_byte_is_not() -> None:
    with receiving(Reply(body=b"x" * LIMIT), Reply(body=b"x" * (LIMIT + 1))) as server:
        assert len(fetch(server.url(), LIMIT, LOOPBACK)) == LIMIT
        assert refused(server.url(), allow=LOOPBACK) == "url_too_large"


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b"\0" * 200_000_000)
    with receiving(Reply(body=bomb, headers={"Content-Encoding": "gzip"})) as server:
        limit = len(bomb) * 2
        tracemalloc.start()
        tracemalloc.clear_traces()
        with pytest.raises(InputError) as caught:
            fetch(server.url(), limit, LOOPBACK)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert caught.value.code == "url_too_large"
    assert peak < 10_000_000


def _chunked(*chunks: bytes) -> bytes:
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + framed


def test_chunks_are_read_and_counted() -> None:
    with speaking(lambda peer: peer.sendall(_chunked(b"a" * 70_000, b"rt", b""))) as url:
        assert fetch(url, LIMIT, LOOPBACK) == b"a" * 70_000 + b"rt"
    with speaking(lambda peer: peer.sendall(_chunked(b"a" * 70_000, b"a" * 70_000, b""))) as url:
        assert refused(url, allow=LOOPBACK) == "url_too_large"


def _flood(head: bytes) -> Callable[[socket.socket], None]:
    def speak(peer: socket.socket) -> None:
        peer.sendall(head)
        while True:
            peer.sendall(b"x" * 65536)

    return speak


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(CHUNKED + b"-1\r\n", id="a chunk of -1 bytes"),
        pytest.param(CHUNKED + b"7fffffff\r\n", id="an endless chunk"),
        pytest.param(CHUNKED + b"0\r\n", id="endless trailers"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", id="no length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", id="a length of -1"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", id="a long one"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: ", id="an endless header"),
        pytest.param(b"", id="an endless status line"),
    ],
)
def test_a_flood_is_dammed(head: bytes) -> None:
    with speaking(_flood(head)) as url:
        tracemalloc.start()
        tracemalloc.clear_traces()
        code = refused(url, allow=LOOPBACK, seconds=5)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert code in ("url_too_large", "url_unreachable")
    assert peak < 5_000_000


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 2oo OK\r\n\r\n",
        CHUNKED + b"zz\r\n",
        CHUNKED + b"-5\r\nabc\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3, 4\r\n\r\nart",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nart",
        b"HTTP/1.1 302 Found\r\nLocation: http://[\r\n\r\n",
    ],
)
def test_nonsense_is_network_trouble(said: bytes) -> None:
    with speaking(lambda peer: peer.sendall(said)) as url, pytest.raises(InputError) as caught:
        fetch(url, LIMIT, LOOPBACK, seconds=5)
    assert caught.value.code == "url_unreachable"


def _drip(head: bytes) -> Callable[[socket.socket], None]:
    def speak(peer: socket.socket) -> None:
        peer.sendall(head)
        for _ in range(100):
            peer.sendall(b"x")
            time.sleep(0.05)

    return speak


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"", id="status line"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: ", id="header"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n", id="body"),
        pytest.param(CHUNKED + b"ffff\r\n", id="chunk"),
    ],
)
def test_a_drip_ends_at_the_deadline(head: bytes) -> None:
    with speaking(_drip(head)) as url:
        begun = time.monotonic()
        with pytest.raises(InputError) as caught:
            fetch(url, LIMIT, LOOPBACK, seconds=0.4)
        took = time.monotonic() - begun
    assert caught.value.code == "url_timeout"
    assert caught.value.retryable
    assert took < 1.5


def test_post_sends_the_body_and_gives_the_status() -> None:
    with receiving(Reply(202, body=b"x" * 10)) as server:
        answer = post(server.url("/hook"), b"{}", {"webhook-id": "evt_1"}, LOOPBACK)
    assert answer == Answer(202)
    (request,) = server.requests
    assert (request.method, request.path, request.body) == ("POST", "/hook", b"{}")
    assert request.headers["webhook-id"] == "evt_1"


def test_post_never_follows_a_redirect() -> None:
    with receiving(Reply(307, headers={"Location": "/elsewhere"})) as server:
        assert post(server.url("/hook"), b"{}", {}, LOOPBACK).status == 307
    assert [request.path for request in server.requests] == ["/hook"]


def test_post_does_not_wait_for_a_body_that_drips() -> None:
    with speaking(_drip(b"HTTP/1.1 200 OK\r\n\r\n")) as url:
        begun = time.monotonic()
        assert post(url, b"{}", {}, LOOPBACK).status == 200
        assert time.monotonic() - begun < 1


def test_the_url_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said = b"HTTP/1.1 200 OK\r\nbad header line\r\nContent-Length: 3\r\n\r\nart"
    with speaking(lambda peer: peer.sendall(said)) as url:
        post(url + "?token=secret", b"{}", {}, LOOPBACK)
    assert "secret" not in caplog.text


def test_no_descriptor_is_left_open() -> None:
    with receiving(Reply(body=b"art")) as server:
        fetch(server.url(), LIMIT, LOOPBACK)
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(5):
            fetch(server.url(), LIMIT, LOOPBACK)
            with pytest.raises(InputError):
                fetch(server.url(), 1, LOOPBACK)
        assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ssl.SSLContext]:
    """A server's side of TLS for `art.test`, by an authority that we trust in this test."""
    context, trust = certified(tmp_path, "art.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(trust))
    egress._trust.cache_clear()
    yield context
    egress._trust.cache_clear()


def test_the_certificate_is_checked_for_the_name_not_the_address(tls: ssl.SSLContext) -> None:
    with receiving(Reply(body=b"art"), tls=tls) as server:
        good = server.url(host="art.test", scheme="https")
        other = server.url(host="other.test", scheme="https")
        here = always("127.0.0.1")
        assert fetch(good, LIMIT, LOOPBACK, resolve=here) == b"art"
        assert server.requests[0].headers["host"] == f"art.test:{server.port}"
        assert refused(other, allow=LOOPBACK, resolve=here) == "url_unreachable"
        assert refused(server.url(scheme="https"), allow=LOOPBACK) == "url_unreachable"
        with pytest.raises(InputError) as caught:
            post(other, b"{}", {}, LOOPBACK, resolve=here)
        assert caught.value.code == "url_unreachable"
        assert len(server.requests) == 1


def test_an_unknown_authority_is_not_trusted(
    tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with receiving(tls=tls) as server:
        url = server.url(host="art.test", scheme="https")
        assert refused(url, allow=LOOPBACK, resolve=always("127.0.0.1")) == "url_unreachable"
    assert server.requests == []


def test_the_parts_of_a_url() -> None:
    target = read_target("https://MÜNCHEN.de:443/%7Ea/../b?c#d")
    assert (target.host, target.authority) == ("xn--mnchen-3ya.de", "xn--mnchen-3ya.de")
    assert target.path == "/b?c"
    assert read_target("https://[2606::1]:8443/").authority == "[2606::1]:8443"
