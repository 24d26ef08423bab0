"""Signed URLs, over HTTP as a client has it: what was signed goes, and nothing else."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from urllib.parse import quote, unquote

import pytest
import requests

from shared.ports import SignedPut
from shared.signing import GET_LIFE, PUT_LIFE, WINDOW, window_start
from tests.contract.front import served
from tests.contract.worlds import World

KEY = "uploads/ada/01 星夜 a+b"
OTHER = "uploads/ada/02"
DATA = b"a small picture"
SECOND = timedelta(seconds=1)
TIMEOUT = 10

unchecked = pytest.mark.wrong_on("moto", "presigned requests are taken without a look at the rules")


@pytest.fixture
def served_world(world: World) -> Iterator[World]:
    with served(world):
        yield world


def send(
    method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> requests.Response:
    return requests.request(method, url, headers=headers, data=body, timeout=TIMEOUT)


def put(signed: SignedPut, body: bytes = DATA, **changed: str | None) -> requests.Response:
    """Send the bytes as the ticket says; a header may be changed, or left out with None."""
    names = {name.replace("_", "-"): value for name, value in changed.items()}
    given = {**signed.headers, "content-length": str(len(body)), **names}
    headers = {name: value for name, value in given.items() if value is not None}
    return send("PUT", signed.url, headers, body)


def ticket(world: World, age: timedelta = timedelta(0), key: str = KEY) -> SignedPut:
    return world.system.inbox.sign_put(key, "image/png", len(DATA), world.system.now() - age)


def link(world: World, age: timedelta = timedelta(0), filename: str | None = None) -> str:
    world.system.artworks.put(KEY, DATA, "image/png")
    return world.system.artworks.sign_get(KEY, world.system.now() - age, filename)


def elsewhere(url: str) -> str:
    assert quote(KEY, safe="/") in url
    return url.replace(quote(KEY, safe="/"), quote(OTHER, safe="/"))


class TestSignedPut:
    def test_takes_the_bytes_it_was_signed_for(self, served_world: World) -> None:
        assert put(ticket(served_world)).status_code == 200
        assert served_world.system.inbox.get(KEY) == DATA

    @unchecked
    @pytest.mark.parametrize("body", [DATA[:-1], DATA + b"!", b"", DATA * 1000])
    def test_refuses_another_size(self, served_world: World, body: bytes) -> None:
        assert put(ticket(served_world), body).status_code == 403
        assert served_world.system.inbox.head(KEY) is None

    @unchecked
    @pytest.mark.parametrize("other", ["image/jpeg", "text/html", None])
    def test_refuses_another_type(self, served_world: World, other: str | None) -> None:
        assert put(ticket(served_world), content_type=other).status_code == 403
        assert served_world.system.inbox.head(KEY) is None

    @unchecked
    def test_refuses_another_key(self, served_world: World) -> None:
        signed = ticket(served_world)
        moved = SignedPut(elsewhere(signed.url), signed.headers)
        assert put(moved).status_code == 403
        assert served_world.system.inbox.head(OTHER) is None

    @unchecked
    @pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
    def test_refuses_another_method(self, served_world: World, method: str) -> None:
        signed = ticket(served_world)
        served_world.system.inbox.put(KEY, b"there", "image/png")
        assert send(method, signed.url, signed.headers, DATA).status_code in (400, 403, 405)
        assert served_world.system.inbox.get(KEY) == b"there"

    def test_refuses_a_second_write(self, served_world: World) -> None:
        signed = ticket(served_world)
        assert put(signed).status_code == 200
        assert put(signed, DATA[::-1]).status_code == 412
        assert served_world.system.inbox.get(KEY) == DATA

    @unchecked
    @pytest.mark.parametrize("condition", [None, '"etag"'])
    def test_cannot_be_talked_into_a_second_write(
        self, served_world: World, condition: str | None
    ) -> None:
        signed = ticket(served_world)
        assert put(signed).status_code == 200
        assert put(signed, DATA[::-1], if_none_match=condition).status_code == 403
        assert served_world.system.inbox.get(KEY) == DATA

    @unchecked
    def test_refuses_when_it_has_expired(self, served_world: World) -> None:
        assert put(ticket(served_world, PUT_LIFE + 2 * SECOND)).status_code == 403
        assert served_world.system.inbox.head(KEY) is None

    def test_takes_them_until_then(self, served_world: World) -> None:
        assert put(ticket(served_world, PUT_LIFE - 30 * SECOND)).status_code == 200

    @unchecked
    def test_refuses_a_longer_life(self, served_world: World) -> None:
        signed = ticket(served_world, PUT_LIFE + 2 * SECOND)
        url = signed.url.replace("X-Amz-Expires=900", "X-Amz-Expires=9000")
        url = url.replace("expires=1", "expires=2")
        assert url != signed.url
        assert put(SignedPut(url, signed.headers)).status_code == 403

    @unchecked
    def test_refuses_a_forged_signature(self, served_world: World) -> None:
        signed = ticket(served_world)
        url = signed.url[:-4] + ("0000" if not signed.url.endswith("0000") else "1111")
        assert put(SignedPut(url, signed.headers)).status_code == 403


class TestSignedGet:
    def test_gives_the_blob(self, served_world: World) -> None:
        answer = send("GET", link(served_world))
        assert (answer.status_code, answer.content) == (200, DATA)

    def test_gives_a_name_to_the_download(self, served_world: World) -> None:
        answer = send("GET", link(served_world, filename='星 "夜".png'))
        assert answer.status_code == 200
        disposition = answer.headers["content-disposition"]
        assert disposition.startswith("attachment;")
        assert unquote(disposition.rpartition("UTF-8''")[2]) == '星 "夜".png'

    @unchecked
    def test_refuses_another_name(self, served_world: World) -> None:
        url = link(served_world, filename="a.png")
        assert send("GET", url.replace("a.png", "b.png")).status_code == 403

    @unchecked
    def test_refuses_another_key(self, served_world: World) -> None:
        url = link(served_world)
        served_world.system.artworks.put(OTHER, b"secret", "image/png")
        assert send("GET", elsewhere(url)).status_code == 403

    @unchecked
    @pytest.mark.parametrize("method", ["PUT", "DELETE"])
    def test_refuses_another_method(self, served_world: World, method: str) -> None:
        url = link(served_world)
        assert send(method, url, body=b"x").status_code in (400, 403, 405)
        assert served_world.system.artworks.get(KEY) == DATA

    @unchecked
    def test_refuses_when_it_has_expired(self, served_world: World) -> None:
        assert send("GET", link(served_world, GET_LIFE + 2 * SECOND)).status_code == 403

    def test_lives_for_ten_minutes_at_least(self, served_world: World) -> None:
        assert send("GET", link(served_world, GET_LIFE - WINDOW - SECOND)).status_code == 200

    def test_names_nothing_that_is_not_there(self, served_world: World) -> None:
        url = link(served_world)
        served_world.system.artworks.delete(KEY)
        assert send("GET", url).status_code == 404


class TestWindow:
    def test_the_same_url_for_a_whole_window_and_then_another(self, world: World) -> None:
        start = window_start(world.system.now())
        sign = world.system.artworks.sign_get
        moments = [start, start + WINDOW / 2, start + WINDOW - SECOND / 1000]
        assert len({sign(KEY, moment, "a.png") for moment in moments}) == 1
        assert sign(KEY, start + WINDOW) != sign(KEY, start)
        assert sign(KEY, start - SECOND / 1000) != sign(KEY, start)
