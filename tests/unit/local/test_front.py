"""The front as a client sees it, in this process."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote_plus

import httpx
import pytest

from local import gateway
from local.asgi import Request
from local.downloads import Span, wanted
from local.front import Front, build
from local.gateway import Functions
from local.guard import Guard
from local.problems import refusal
from shared.errors import TooLarge
from shared.ports import SignedPut
from shared.settings import Settings
from shared.system import OBJECTS, System

BASE = "http://127.0.0.1:8080"
KEY = "uploads/local/01hzy00000000000000000000a"
BODY = b"\xff\xd8 picture"
CHUNKED = [(b"transfer-encoding", b"chunked")]


def api(event: dict[str, Any], context: Any) -> dict[str, Any]:
    if event["rawPath"] == "/v1/broken":
        raise RuntimeError("a prompt that must not be told")
    authorizer = event["requestContext"].get("authorizer")
    told = {"tenant": authorizer and authorizer["lambda"]["tenant"], "body": event.get("body")}
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": json.dumps(told),
    }


def studio(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return {"statusCode": 200, "headers": {"content-type": "text/html"}, "body": "<page>"}


def authorize(event: dict[str, Any], context: Any) -> dict[str, Any]:
    good = event["headers"].get("authorization") == "Bearer good"
    return {"isAuthorized": good, "context": {"tenant": "studio-7"}}


@pytest.fixture
def front(system: System) -> Front:
    return build(system, Functions(api, studio), Guard(8080, BASE))[0]


@pytest.fixture
def open_front(system: System) -> Front:
    return build(system, Functions(api, studio, authorize), None)[0]


def call(front: Front, method: str, url: str, **options: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=front)
        async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
            return await client.request(method, url, **options)

    return asyncio.run(ask())


def ticket(system: System, size: int = len(BODY), media_type: str = "image/jpeg") -> SignedPut:
    return system.inbox.sign_put(KEY, media_type, size, system.now())


def put(front: Front, signed: SignedPut, body: bytes = BODY, **headers: str) -> httpx.Response:
    named = {**signed.headers, **{name.replace("_", "-"): text for name, text in headers.items()}}
    return call(front, "PUT", signed.url, content=body, headers=named)


def code(response: httpx.Response) -> str:
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == response.status_code
    return str(problem["code"])


# The functions


def test_loopback_callers_are_the_local_tenant(front: Front) -> None:
    assert call(front, "GET", "/v1/jobs").json()["tenant"] == "local"


def test_page_is_the_studio_functions(front: Front) -> None:
    assert call(front, "GET", "/").text == "<page>"
    assert call(front, "GET", "/studio/app.js").text == "<page>"


def test_without_a_good_key_nobody_comes_in(open_front: Front) -> None:
    refused = call(open_front, "GET", "/v1/jobs", headers={"authorization": "Bearer bad"})

    assert code(refused) == "unauthenticated"
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    assert code(call(open_front, "GET", "//v1/jobs")) == "unauthenticated"


def test_key_names_the_tenant(open_front: Front) -> None:
    answered = call(open_front, "GET", "/v1/jobs", headers={"authorization": "Bearer good"})

    assert answered.json()["tenant"] == "studio-7"


@pytest.mark.parametrize("path", ["/", "/studio/app.js", "/health", "/v1/openapi.json"])
def test_public_paths_need_no_key(open_front: Front, path: str) -> None:
    assert call(open_front, "GET", path).status_code == 200


def test_broken_function_is_a_problem_that_tells_nothing(front: Front) -> None:
    broken = call(front, "GET", "/v1/broken")

    assert broken.status_code == 500
    assert code(broken) == "internal_error"
    assert "prompt" not in broken.text


def test_large_bodies_are_refused(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "MAX_BODY_BYTES", 10)
    headers = {"content-type": "application/json"}

    async def chunks() -> AsyncIterator[bytes]:
        yield b"x" * 8
        yield b"x" * 8

    for content in (b"x" * 11, chunks()):
        refused = call(front, "POST", "/v1/jobs", content=content, headers=headers)
        assert refused.status_code == 413
        assert code(refused) == TooLarge.code


def test_slow_bodies_time_out() -> None:
    async def never() -> dict[str, Any]:
        await asyncio.sleep(60)
        return {}

    async def read() -> None:
        await Request({"headers": CHUNKED}, never).body(10, idle=0.01, total=1)

    with pytest.raises(TimeoutError):
        asyncio.run(read())


def test_bodies_have_an_end_in_time() -> None:
    async def drip() -> dict[str, Any]:
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b".", "more_body": True}

    async def read() -> None:
        await Request({"headers": CHUNKED}, drip).body(10**6, idle=1, total=0.05)

    with pytest.raises(TimeoutError):
        asyncio.run(read())


# Who may talk to us


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080"])
def test_our_own_names(front: Front, host: str) -> None:
    assert call(front, "GET", "/v1/jobs", headers={"host": host}).status_code == 200


def test_the_address_that_signed_urls_lead_to_is_ours_too() -> None:
    guard = Guard(8080, "http://127.0.0.2:9000")
    guard.check("GET", "/v1/jobs", {"host": "127.0.0.2:9000"})
    assert guard.better_place("/", {"host": "127.0.0.1:8080"}) == "http://127.0.0.2:9000/"


def test_page_is_opened_where_signed_urls_lead(front: Front) -> None:
    sent_on = call(front, "GET", "/", headers={"host": "localhost:8080"})

    assert sent_on.status_code == 307
    assert sent_on.headers["location"] == f"{BASE}/"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost:80", "127.0.0.1:9", ""])
def test_other_names_are_refused(front: Front, host: str) -> None:
    refused = call(front, "GET", "/", headers={"host": host})

    assert refused.status_code == 403
    assert code(refused) == "host_refused"


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1:8080", "http://localhost:8080"]
)
def test_other_origins_are_refused(front: Front, origin: str) -> None:
    refused = call(front, "GET", "/v1/jobs", headers={"origin": origin})

    assert code(refused) == "origin_refused"


def test_our_own_origin(front: Front) -> None:
    assert call(front, "GET", "/v1/jobs", headers={"origin": BASE}).status_code == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_bodies_must_be_json(front: Front, content_type: str) -> None:
    refused = call(front, "POST", "/v1/jobs", content=b"{}", headers={"content-type": content_type})

    assert refused.status_code == 415
    assert code(refused) == "unsupported_media_type"


def test_json_and_no_body_at_all_are_taken(front: Front) -> None:
    typed = {"content-type": "application/json; charset=utf-8"}

    assert call(front, "POST", "/v1/jobs", content=b"{}", headers=typed).status_code == 200
    assert call(front, "POST", "/v1/jobs/x/cancel").status_code == 200


# Uploads


def test_upload_is_stored_and_told(front: Front, system: System) -> None:
    answered = put(front, ticket(system))

    assert answered.status_code == 200
    assert answered.headers["etag"].startswith('"')
    assert system.inbox.get(KEY) == BODY
    (letter,) = system.queue(OBJECTS).receive(10, 1)
    assert letter.group == "local"
    (record,) = json.loads(letter.body)["Records"]
    assert record["eventName"] == "ObjectCreated:Put"
    assert record["s3"]["bucket"]["name"] == system.settings.inbox_bucket
    assert unquote_plus(record["s3"]["object"]["key"]) == KEY
    assert record["s3"]["object"]["size"] == len(BODY)
    assert int(record["s3"]["object"]["sequencer"], 16)


def test_upload_of_another_type_is_refused(front: Front, system: System) -> None:
    refused = put(front, ticket(system), content_type="image/png")

    assert (refused.status_code, code(refused)) == (403, "signature_mismatch")
    assert system.inbox.get(KEY) is None


def test_upload_of_another_size_is_refused(front: Front, system: System) -> None:
    refused = put(front, ticket(system), BODY + b"!", content_length=str(len(BODY) + 1))

    assert (refused.status_code, code(refused)) == (403, "signature_mismatch")


def test_upload_that_could_be_written_twice_is_refused(front: Front, system: System) -> None:
    assert code(put(front, ticket(system), if_none_match='"x"')) == "signature_mismatch"


def test_upload_to_another_key_is_refused(front: Front, system: System) -> None:
    signed = ticket(system)
    other = SignedPut(signed.url.replace("000a?", "000b?"), signed.headers)

    assert code(put(front, other)) == "signature_mismatch"


def test_size_in_the_url_cannot_be_changed(front: Front, system: System) -> None:
    signed = ticket(system)
    other = signed.url.replace(f"size={len(BODY)}", f"size={len(BODY) + 1}")
    longer = SignedPut(other, signed.headers)

    refused = put(front, longer, BODY + b"!", content_length=str(len(BODY) + 1))

    assert code(refused) == "signature_mismatch"


def test_second_upload_is_refused(front: Front, system: System) -> None:
    put(front, ticket(system))

    refused = put(front, ticket(system), b"X" * len(BODY))

    assert (refused.status_code, code(refused)) == (412, "already_uploaded")
    assert system.inbox.get(KEY) == BODY


def test_late_upload_is_refused(front: Front, system: System) -> None:
    past = datetime.now(UTC) - timedelta(hours=1)
    signed = system.inbox.sign_put(KEY, "image/jpeg", len(BODY), past)

    assert code(put(front, signed)) == "url_expired"


def test_upload_without_a_length_is_refused(front: Front, system: System) -> None:
    signed = ticket(system)

    async def chunks() -> AsyncIterator[bytes]:
        yield BODY

    headers = {name: text for name, text in signed.headers.items() if name != "content-length"}
    refused = call(front, "PUT", signed.url, content=chunks(), headers=headers)

    assert (refused.status_code, code(refused)) == (411, "length_required")


@pytest.mark.parametrize("sent", [BODY[:-1], BODY + b"!"])
def test_body_of_another_length_than_it_said_leaves_nothing(
    front: Front, system: System, sent: bytes
) -> None:
    refused = put(front, ticket(system), sent)  # the transport in memory enforces no length

    assert refused.status_code == 400
    assert_nothing_is_left(system)


def test_client_that_goes_away_leaves_nothing(front: Front, system: System) -> None:
    signed = httpx.URL(ticket(system).url)
    headers = {**ticket(system).headers, "host": "127.0.0.1:8080"}
    messages = [
        {"type": "http.request", "body": BODY[:3], "more_body": True},
        {"type": "http.disconnect"},
    ]
    scope = {
        "type": "http",
        "method": "PUT",
        "path": signed.path,
        "query_string": signed.query,
        "headers": [(name.encode(), text.encode()) for name, text in headers.items()],
    }

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(_: Any) -> None:
        raise AssertionError("there is nobody to answer")

    asyncio.run(front(scope, receive, send))
    assert_nothing_is_left(system)


def assert_nothing_is_left(system: System) -> None:
    assert system.inbox.get(KEY) is None
    assert system.queue(OBJECTS).depth() == 0
    assert system.settings.data
    assert not list(system.settings.data.glob("**/.scratch/*"))


def test_full_disk_is_told(chosen: Settings) -> None:
    from shared.bootstrap import assemble

    full = assemble(chosen.model_copy(update={"disk_reserve": 2**40}))
    front = build(full, Functions(api, studio), Guard(8080, BASE))[0]

    refused = put(front, ticket(full))

    assert (refused.status_code, code(refused)) == (503, "disk_full")


def test_recent_uploads_are_told_again_after_a_crash(system: System) -> None:
    system.inbox.put(KEY, BODY, "image/jpeg")
    system.inbox.put("drops/local/a/b.jpg", BODY, "image/jpeg")

    build(system, Functions(api, studio), None)[1].uploads.announce_recent()

    (letter,) = system.queue(OBJECTS).receive(10, 1)
    assert json.loads(letter.body)["Records"][0]["s3"]["object"]["key"] == KEY


# Downloads

ART = "local/01job/0-abc.png"
BYTES = bytes(range(256)) * 10


@pytest.fixture
def art_url(system: System) -> str:
    system.artworks.put(ART, BYTES, "image/png")
    return system.artworks.sign_get(ART, system.now())


def test_download(front: Front, art_url: str) -> None:
    answered = call(front, "GET", art_url)

    assert answered.status_code == 200
    assert answered.content == BYTES
    assert answered.headers["content-type"] == "image/png"
    assert "private" in answered.headers["cache-control"]
    assert "immutable" in answered.headers["cache-control"]
    assert answered.headers["x-content-type-options"] == "nosniff"
    assert "content-disposition" not in answered.headers


def test_large_download_comes_in_parts(front: Front, system: System) -> None:
    large = b"0123456789abcdef" * 2**17
    system.artworks.put(ART, large, "image/png")

    assert call(front, "GET", system.artworks.sign_get(ART, system.now())).content == large


def test_head(front: Front, art_url: str) -> None:
    answered = call(front, "HEAD", art_url)

    assert answered.content == b""
    assert answered.headers["content-length"] == str(len(BYTES))


def test_file_name(front: Front, system: System, art_url: str) -> None:
    signed = system.artworks.sign_get(ART, system.now(), filename='画 "1".png')

    told = call(front, "GET", signed).headers["content-disposition"]

    assert told == "attachment; filename*=UTF-8''%E7%94%BB%20%221%22.png"


@pytest.mark.parametrize(
    ("asked", "span"),
    [("bytes=0-0", (0, 1)), ("bytes=5-", (5, 2560)), ("bytes=-4", (2556, 2560))],
)
def test_range(front: Front, art_url: str, asked: str, span: tuple[int, int]) -> None:
    answered = call(front, "GET", art_url, headers={"range": asked})

    assert answered.status_code == 206
    assert answered.content == BYTES[slice(*span)]
    assert answered.headers["content-range"] == f"bytes {span[0]}-{span[1] - 1}/2560"


def test_range_beyond_the_end(front: Front, art_url: str) -> None:
    refused = call(front, "GET", art_url, headers={"range": "bytes=9999-"})

    assert (refused.status_code, code(refused)) == (416, "range_not_satisfiable")
    assert refused.headers["content-range"] == "bytes */2560"


@pytest.mark.parametrize("asked", ["bytes=2-1", "bytes=-", "items=0-1", "bytes=0-1,4-5", "x"])
def test_ranges_that_are_none_give_all(asked: str) -> None:
    assert wanted({"range": asked}, '"e"', 10) == Span(0, 10)


def test_range_of_another_version_gives_all() -> None:
    assert wanted({"range": "bytes=1-2", "if-range": '"old"'}, '"e"', 10) == Span(0, 10)
    assert wanted({"range": "bytes=1-2", "if-range": '"e"'}, '"e"', 10) == Span(1, 3)


def test_known_version_is_not_sent_again(front: Front, art_url: str) -> None:
    etag = call(front, "GET", art_url).headers["etag"]

    assert call(front, "GET", art_url, headers={"if-none-match": etag}).status_code == 304
    assert call(front, "GET", art_url, headers={"if-none-match": '"x"'}).status_code == 200


def test_unsigned_download_is_refused(front: Front, art_url: str) -> None:
    for url in (art_url[:-1] + "x", art_url.split("?")[0]):
        refused = call(front, "GET", url)
        assert (refused.status_code, code(refused)) == (403, "signature_mismatch")


def test_expired_download_is_refused(front: Front, system: System, art_url: str) -> None:
    past = system.now() - timedelta(hours=1)

    assert code(call(front, "GET", system.artworks.sign_get(ART, past))) == "url_expired"


def test_missing_blob(front: Front, system: System) -> None:
    signed = system.artworks.sign_get("local/01job/none.png", system.now())

    assert code(call(front, "GET", signed)) == "not_found"


def test_download_url_is_good_for_reading_only(front: Front, art_url: str) -> None:
    refused = call(front, "PUT", art_url, content=b"x")

    assert (refused.status_code, code(refused)) == (405, "method_not_allowed")
    assert refused.headers["allow"] == "GET, HEAD"
    assert call(front, "GET", "/blobs/other/x").status_code == 404


def test_problem_document_is_complete() -> None:
    told = json.loads(refusal(409, "conflict", "why").body)

    assert told == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "why",
        "code": "conflict",
        "errors": [],
    }
