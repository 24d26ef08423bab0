"""A first artwork: a photo becomes a painting through the public API, as any client would do it."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local.machine import Options, address
from local.machine import run as run_machine
from local.supervisor import Supervisor
from shared.settings import Settings

SAMPLE = Path(__file__).with_name("sample.jpg")
TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".gif": "image/gif",
    ".bmp": "image/bmp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".avif": "image/avif",
}
EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}
WAIT_SECONDS = 20
CALL_SECONDS = 60.0
PATIENCE_SECONDS = 300.0

Say = Callable[[str], None]


class DemoFailed(Exception):
    """There is no artwork."""


@dataclass(frozen=True)
class Wish:
    """What to make, and whether to end afterwards."""

    photo: Path
    style: str | None
    leave: bool


@dataclass(frozen=True)
class Reply:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed


def run(options: Options, wish: Wish, say: Say) -> None:
    """Make the artwork on the system that runs on the port, or else on one that is started."""
    url = f"http://{address(options.host)}:{options.port}"
    if runs(url):
        say(f"Atelier runs already: {url}/")
        show(url, options.data, wish, say)
        return
    story = _Story(options, wish, say)
    run_machine(options, say, story.begin)
    story.check()


def show(url: str, data: Path, wish: Wish, say: Say) -> None:
    """Make the artwork and say where it lies."""
    begun = time.monotonic()
    say(f"Painting {wish.photo} …")
    artwork = paint(url, wish)
    picture = call("GET", artwork["url"])
    path = data.absolute() / f"first-artwork.{EXTENSIONS.get(artwork['media_type'], 'bin')}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_expect(picture, 200).body)
    say(f"Done in {time.monotonic() - begun:.1f} s: {artwork['width']} × {artwork['height']}")
    say(f"  on disk  {path}")
    say(f"  by URL   {url}/v1/artworks/{artwork['id']}")
    say(f"  page     {url}/")


def paint(url: str, wish: Wish) -> dict[str, Any]:
    """Upload the photo, which starts the job, and wait for the artwork."""
    photo = _read(wish.photo)
    job = {"model": "paint", "params": {"style": wish.style} if wish.style else {}}
    request = {
        "content_type": TYPES.get(wish.photo.suffix.lower(), "application/octet-stream"),
        "size": len(photo),
        "filename": wish.photo.name,
        "job": job,
    }
    sent = {"content-type": "application/json"}
    answer = call("POST", f"{url}/v1/uploads", json.dumps(request).encode(), sent)
    ticket = _expect(answer, 201).json()
    _expect(call(ticket["method"], ticket["url"], photo, ticket["headers"]), 200)
    artwork: dict[str, Any] = wait(f"{url}/v1/jobs/{ticket['job_id']}")["artworks"][0]
    return artwork


def wait(job_url: str) -> dict[str, Any]:
    """Look at the job until it has ended."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    known: dict[str, str] = {}
    while time.monotonic() < give_up:
        answer = call("GET", f"{job_url}?wait={WAIT_SECONDS}", headers=known)
        if answer.status == 304:
            continue
        job = _expect(answer, 200).json()
        if job["status"] == "succeeded":
            return job
        if job["ended_at"]:
            raise DemoFailed(f"the job has {job['status']}: {job['error']}")
        known = {"if-none-match": answer.headers["etag"]}
    raise DemoFailed(f"the job has not ended in {PATIENCE_SECONDS:.0f} s; look at {job_url}")


def runs(url: str) -> bool:
    """Whether an Atelier answers there."""
    try:
        return "ready" in call("GET", f"{url}/health", seconds=2.0).json()
    except (OSError, http.client.HTTPException, ValueError):
        return False


def call(
    method: str,
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    seconds: float = CALL_SECONDS,
) -> Reply:
    """One HTTP call."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=seconds)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    try:
        connection.request(method, target, body, dict(headers or {}))
        response = connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, named, response.read())
    finally:
        connection.close()


class _Story:
    """The demo beside the system that it has started."""

    def __init__(self, options: Options, wish: Wish, say: Say) -> None:
        self._options = options
        self._wish = wish
        self._say = say
        self._failure: DemoFailed | None = None

    def begin(self, supervisor: Supervisor, chosen: Settings) -> None:
        """Called when the system is ready, in the supervisor's own thread."""
        threading.Thread(target=self._tell, args=(supervisor, chosen), daemon=True).start()

    def check(self) -> None:
        """Raise what went wrong."""
        if self._failure:
            raise self._failure

    def _tell(self, supervisor: Supervisor, chosen: Settings) -> None:
        try:
            show(chosen.public_url, self._options.data, self._wish, self._say)
        except (OSError, http.client.HTTPException, DemoFailed) as error:
            self._failure = DemoFailed(f"the demo failed: {error}")
            supervisor.stop()
            return
        if self._wish.leave:
            supervisor.stop()
        else:
            self._say("Ctrl-C ends it.")


def _read(photo: Path) -> bytes:
    try:
        return photo.read_bytes()
    except OSError as error:
        raise DemoFailed(f"{photo}: {error.strerror}") from None


def _expect(answer: Reply, status: int) -> Reply:
    if answer.status != status:
        raise DemoFailed(f"HTTP {answer.status}: {answer.body[:500].decode(errors='replace')}")
    return answer
