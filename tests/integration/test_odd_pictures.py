"""What people really upload: each file becomes a painting or a clear error; the worker lives."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from functions.submission import submit
from functions.ticket import issue
from gpu_worker.drain import Drain
from gpu_worker.registry import Registry
from gpu_worker.worker import Worker
from shared.contract import JobRequest, Status, UploadRequest
from shared.records import JobRecord, UploadRecord
from shared.system import System


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def gradient(width: int = 96, height: int = 64) -> Image.Image:
    across = np.linspace(0, 255, width, dtype=np.uint8)
    down = np.linspace(0, 255, height, dtype=np.uint8)
    red, green = np.meshgrid(across, down)
    return Image.fromarray(np.dstack([red, green, 255 - red]))


def sixty_megapixels() -> bytes:
    return saved(Image.new("RGB", (10_000, 6_000), (200, 120, 40)), "JPEG")


def cmyk() -> bytes:
    return saved(gradient().convert("CMYK"), "JPEG")


def sixteen_bit() -> bytes:
    deep = np.linspace(0, 65535, 96 * 64).reshape(64, 96).astype(np.uint16)
    return saved(Image.fromarray(deep), "PNG")


def animated() -> bytes:
    frames = [gradient().rotate(angle) for angle in (0, 90, 180)]
    return saved(frames[0], "GIF", save_all=True, append_images=frames[1:])


def see_through() -> bytes:
    image = gradient().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return saved(image, "PNG")


def sideways() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return saved(gradient(), "JPEG", exif=exif)


PAINTED: list[tuple[Callable[[], bytes], tuple[int, int]]] = [
    (sixty_megapixels, (128, 77)),
    (cmyk, (96, 64)),
    (sixteen_bit, (96, 64)),
    (animated, (96, 64)),
    (see_through, (96, 64)),
    (sideways, (64, 96)),
]

REFUSED = [
    (saved(gradient(), "JPEG")[:-600], {"image_truncated", "image_unreadable"}),
    (b"just some words, called a picture\n", {"image_unreadable"}),
    (saved(Image.new("RGB", (1, 1)), "PNG"), {"image_empty"}),
    (b"\x89PNG\r\n\x1a\n" + b"\0" * 64, {"image_unreadable", "image_truncated"}),
]


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry(device="cpu")


def painted(system: System, registry: Registry, data: bytes) -> JobRecord:
    request = UploadRequest(content_type="application/octet-stream", size=len(data))
    ticket = issue(system, "local", request)
    upload = system.table.get(UploadRecord, ticket.id)
    assert upload is not None
    system.inbox.put(upload.key, data, upload.content_type)
    given = {"image": {"upload": ticket.id}}
    job = submit(system, "local", JobRequest(model="paint", input=given, params={"size": 128}))
    Worker(system, registry, Drain(60)).once()
    ended = system.table.get(JobRecord, job.id)
    assert ended is not None
    return ended


@pytest.mark.parametrize(
    ("make", "size"), PAINTED, ids=lambda value: getattr(value, "__name__", "")
)
def test_odd_pictures_are_painted_upright_at_their_shape(
    system: System, registry: Registry, make: Callable[[], bytes], size: tuple[int, int]
) -> None:
    job = painted(system, registry, make())
    assert job.status is Status.SUCCEEDED, job.error
    data = system.artworks.get(job.artworks[0].key("local", job.id))
    assert data is not None
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == size
        assert image.mode == ("RGBA" if make is see_through else "RGB")


@pytest.mark.parametrize(("data", "codes"), REFUSED)
def test_what_is_no_picture_fails_once_with_a_code(
    system: System, registry: Registry, data: bytes, codes: set[str]
) -> None:
    job = painted(system, registry, data)
    assert job.status is Status.FAILED
    assert job.error is not None
    assert job.error.code in codes
    assert (job.tries, job.error.retryable) == (1, False)
