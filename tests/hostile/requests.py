"""Hostile requests, drawn from a seed: what a front may be sent by who means harm."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from random import Random
from urllib.parse import quote, urlsplit

from tests.hostile.bodies import JOB, UPLOAD, broken_object, document
from tests.hostile.odd import (
    FRAMES,
    GARBAGE,
    HEADERS,
    LINES,
    METHODS,
    ODD_TYPES,
    PATHS,
    QUERY,
    RANGES,
    ROUTES,
    STRANGERS,
)
from tests.hostile.wire import Exchange


@dataclass(frozen=True)
class Place:
    """What there is to attack: a front, a job of ours with its artwork, and an upload's ticket."""

    host: str
    job: str
    blob: str
    """The signed URL of an artwork, without its origin."""
    ticket: str
    """The signed URL of an upload, without its origin."""
    ticket_headers: dict[str, str]


Draw = Callable[[Random, Place], Exchange]


def corpus(place: Place, seed: int, count: int) -> Iterator[Exchange]:
    """`count` exchanges, each kind as often as the others."""
    random = Random(seed)
    return (draw(random, place) for draw in islice(cycle(KINDS), count))


def request(
    place: Place,
    method: str,
    target: str | bytes,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
    extra: bytes = b"",
) -> bytes:
    """A request that is whole, whatever its parts are."""
    path = target.encode() if isinstance(target, str) else target
    named = {"Host": place.host, **(headers or {})}
    if body is not None:
        named = {"Content-Type": "application/json", "Content-Length": str(len(body)), **named}
    lines = b"".join(f"{name}: {text}\r\n".encode("latin-1") for name, text in named.items())
    return (
        method.encode() + b" " + path + b" HTTP/1.1\r\n" + lines + extra + b"\r\n" + (body or b"")
    )


def job_fields(random: Random, place: Place) -> Exchange:
    body = broken_object(random, JOB)
    return Exchange("job fields", (request(place, "POST", "/v1/jobs", body),))


def upload_fields(random: Random, place: Place) -> Exchange:
    body = broken_object(random, UPLOAD)
    return Exchange("upload fields", (request(place, "POST", "/v1/uploads", body),))


def documents(random: Random, place: Place) -> Exchange:
    path, sound = random.choice((("/v1/jobs", JOB), ("/v1/uploads", UPLOAD)))
    body = document(random, sound)
    lies = random.choice(({}, {}, {"Content-Encoding": "gzip"}, {"Content-Type": ODD_TYPES[0]}))
    kind = random.choice((None, None, *ODD_TYPES))
    headers = lies | ({"Content-Type": kind} if kind else {})
    return Exchange("documents", (request(place, "POST", path, body, headers),))


def ids(random: Random, place: Place) -> Exchange:
    method, route = random.choice(ROUTES)
    filled = route
    while "{}" in filled:
        filled = filled.replace("{}", random.choice((*GARBAGE, place.job)), 1)
    if method == "DELETE":
        filled = filled.replace(place.job, "0" * 26)
    return Exchange("ids", (request(place, method, filled, b"" if method == "PUT" else None),))


def paths(random: Random, place: Place) -> Exchange:
    target = random.choice(PATHS).encode("latin-1")
    sent = request(place, random.choice(("GET", "GET", "POST")), target)
    return Exchange("paths", (sent,), answers=int(b" " not in target))


def methods(random: Random, place: Place) -> Exchange:
    method = random.choice(METHODS)
    target = random.choice(
        ("/", "/health", "/v1/jobs", "/v1/models/x", place.blob, "/studio/app.js")
    )
    known = method in METHODS[:5] or method in ("PROPFIND", "POST", "DELETE", "PURGE", "LINK")
    body = b"{}" if method == "PATCH" else None
    sent = request(place, method, target, body)
    return Exchange("methods", (sent,), answers=int(known), head=method == "HEAD")


def queries(random: Random, place: Place) -> Exchange:
    pairs = []
    for _ in range(random.choice((1, 1, 2, 3, 40))):
        name = random.choice(tuple(QUERY))
        text = random.choice(QUERY[name])
        pairs.append(f"{random.choice((name, name, name.upper(), name + '[]'))}={text}")
    path = random.choice(("/v1/jobs", f"/v1/jobs/{place.job}", "/v1/models", "/health"))
    joined = random.choice(("&", "&", ";")).join(pairs)
    target = f"{path}?{joined}".encode()
    return Exchange("queries", (request(place, "GET", target),), answers=int(target.isascii()))


def headers(random: Random, place: Place) -> Exchange:
    chosen = dict(random.sample(HEADERS, random.choice((1, 1, 2, 3))))
    given = {name: random.choice(texts) for name, texts in chosen.items()}
    twice = b"".join(f"{name}: {text}\r\n".encode("latin-1") for name, text in given.items())
    method, target, body = random.choice(
        (
            ("GET", "/v1/jobs", None),
            ("POST", "/v1/jobs", b"{}"),
            ("GET", f"/v1/jobs/{place.job}", None),
        )
    )
    extra = twice * random.choice((0, 0, 1, 2)) + b"X: y\r\n" * random.choice((0, 0, 0, 1500))
    return Exchange("headers", (request(place, method, target, body, given, extra),))


def hosts(random: Random, place: Place) -> Exchange:
    stranger = random.choice(STRANGERS)
    given, extra = {"Host": stranger}, b""
    if random.random() < 0.5:
        origin = random.choice(
            ("null", f"http://{stranger}", f"https://{place.host}", "", "file://")
        )
        given = {"Host": place.host, "Origin": origin}
    elif random.random() < 0.3:
        extra = f"Host: {place.host}\r\n".encode()
    target = random.choice(("/", "/v1/jobs", "/health", place.blob))
    sent = request(place, "GET", target, None, given, extra)
    return Exchange("hosts", (sent,), answers=int("\x00" not in stranger))


def framing(random: Random, place: Place) -> Exchange:
    extra, body = random.choice(FRAMES)
    head = {"Content-Type": "application/json"}
    path = random.choice(("/v1/jobs", "/v1/uploads", "/health", place.ticket))
    method = "PUT" if path == place.ticket else "POST"
    sent = request(place, method, path, None, head, extra) + body
    return Exchange("framing", (sent,), answers=0)


def lines(random: Random, place: Place) -> Exchange:
    line = random.choice(LINES).replace(b"%b", place.host.encode())
    return Exchange("lines", (line + f"Host: {place.host}\r\n\r\n".encode(),), answers=0)


def lengths(random: Random, place: Place) -> Exchange:
    """A body that is longer or shorter than its header says, or that never comes."""
    body = b'{"model":"plain","input":{}}'
    announced = len(body) + random.choice((-20, -1, 1, 20, 300_000, 11_000_000))
    given = {"Content-Length": str(announced)}
    if random.random() < 0.3:
        given["Expect"] = "100-continue"
    sent = request(place, "POST", random.choice(("/v1/jobs", "/v1/uploads")), body, given)
    return Exchange("lengths", (sent,), answers=int(announced < len(body)))


def uploads(random: Random, place: Place) -> Exchange:
    """The ticket's URL with a part of it, or of its headers, altered."""
    given, target, body = dict(place.ticket_headers), altered(random, place.ticket), b"0123456789"
    if random.random() < 0.5:
        name = random.choice(tuple(given))
        if name == "content-length":
            body = body * random.choice((0, 2, 100))
        given |= {name: random.choice(("", "image/jpeg", '"x"', "*, *", "\xff"))}
    given["content-length"] = str(len(body))
    named = {
        "Content-Type": given.pop("content-type"),
        "Content-Length": given.pop("content-length"),
    }
    method = random.choice(("PUT", "PUT", "PUT", "GET", "POST", "DELETE"))
    return Exchange("uploads", (request(place, method, target, body, named | given),))


def downloads(random: Random, place: Place) -> Exchange:
    target = random.choice((place.blob, place.blob, altered(random, place.blob)))
    given = {"Range": random.choice(RANGES)}
    if random.random() < 0.4:
        given[random.choice(("If-Range", "If-None-Match", "If-Match", "If-Modified-Since"))] = (
            random.choice(('"x"', "*", "W/", ",", "Thu, 99 Foo 99999", "\xff", '"' * 3000))
        )
    method = random.choice(("GET", "GET", "HEAD"))
    sent = request(place, method, target, None, given)
    return Exchange("downloads", (sent,), head=method == "HEAD")


def altered(random: Random, url: str) -> str:
    """The signed URL, no longer as it was signed."""
    parts = urlsplit(url)
    pairs = parts.query.split("&")
    place = random.randrange(len(pairs))
    name, _, text = pairs[place].partition("=")
    path = parts.path
    match random.randrange(6):
        case 0:
            pairs[place] = f"{name}={random.choice(GARBAGE)}"
        case 1:
            pairs.append(f"{name}={random.choice(('0', text[:-1], '9' * 5000, '%00'))}")
        case 2:
            del pairs[place]
        case 3:
            pairs = [quote(pair) for pair in pairs]
        case 4:
            path = random.choice((path + "/", path + "%00", path.upper(), path + "/..", path[:-1]))
        case 5:
            path = path.replace(
                "/blobs/", random.choice(("/blobs//", "/blobs/../blobs/", "/BLOBS/"))
            )
    return f"{path}?{'&'.join(pairs)}"


def disconnects(random: Random, place: Place) -> Exchange:
    """Gone in the middle of a request, or before the answer."""
    body = broken_object(random, JOB)
    whole = random.choice(
        (
            request(place, "POST", "/v1/jobs", body),
            request(place, "GET", f"/v1/jobs/{place.job}?wait=20"),
            request(place, "PUT", place.ticket, b"0123", place.ticket_headers),
            request(place, "GET", place.blob),
        )
    )
    cut = random.choice((0, random.randrange(len(whole)), len(whole)))
    return Exchange("disconnects", (whole[:cut],), answers=0, leave=True)


def pipelines(random: Random, place: Place) -> Exchange:
    """Several requests at once, split anywhere."""
    count = random.choice((2, 5, 30))
    single = (
        request(place, "GET", "/health"),
        request(place, "GET", "/v1/jobs/x"),
        request(place, "POST", "/v1/jobs", b"{}"),
        request(place, "GET", place.blob, None, {"Range": "bytes=0-3"}),
    )
    whole = b"".join(random.choice(single) for _ in range(count))
    cut = random.randrange(len(whole))
    return Exchange("pipelines", (whole[:cut], whole[cut:]), answers=count)


KINDS: tuple[Draw, ...] = (
    *(job_fields, upload_fields, documents, ids, paths, methods, queries, headers, hosts),
    *(framing, lines, lengths, uploads, downloads, disconnects, pipelines),
)
