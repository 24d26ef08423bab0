"""What a picture costs to encode: `python -m tests.bench.encode [--json]`

A photograph and what `paint` makes of it, at four sizes, as Pillow's PNG at two levels, our PNG
without ISA-L and with it, JPEG, WebP, and as a thumbnail. One thread; the CPU time of the quickest
of several rounds, in which the encoders take turns.
"""

import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import numpy as np
from PIL import Image

from gpu_worker.model import Sample
from gpu_worker.models.paint.model import Paint
from gpu_worker.pictures import Picture, encode_jpeg, encode_png, encode_webp, png, thumbnail
from tests.bench.figures import Found, parser, say

SIDES = (128, 512, 1024, 2048)
ROUNDS = 5
QUALITY = 90
SAMPLE = Path(__file__).parents[2] / "local/sample.jpg"

Encoder = Callable[[Picture], bytes]


def pillow(level: int) -> Encoder:
    def encoded(picture: Picture) -> bytes:
        out = io.BytesIO()
        picture.image.save(out, "PNG", compress_level=level)
        return out.getvalue()

    return encoded


def without_isal(picture: Picture) -> bytes:
    with patch.object(png, "isal_zlib", None):
        return encode_png(picture)


ENCODERS: dict[str, Encoder] = {
    "pillow_6": pillow(6),
    "pillow_1": pillow(1),
    "png_without_isal": without_isal,
    "png": encode_png,
    "jpeg": lambda picture: encode_jpeg(picture, QUALITY),
    "webp": lambda picture: encode_webp(picture, QUALITY),
    "thumbnail": thumbnail,
}


def photograph(side: int) -> Picture:
    """A square of the sample; beyond its own size with grain, as a camera would add."""
    with Image.open(SAMPLE) as sample:
        least = min(sample.size)
        square = sample.convert("RGB").crop((0, 0, least, least))
    pixels = np.asarray(square.resize((side, side), Image.Resampling.LANCZOS)).astype(np.float64)
    if side > least:
        pixels = pixels + np.random.default_rng(1).normal(0, 2, pixels.shape).round()
    return Picture(np.clip(pixels, 0, 255).astype(np.uint8))


def painting(model: Paint, photo: Picture) -> Picture:
    """What `paint` makes of it."""
    params = model.Params(size=max(photo.width, photo.height))
    prepared = model.prepare({"image": encode_png(photo)}, params)
    return model.generate([Sample(prepared, params, 1)], lambda _: None)[0]


def pictures() -> Iterator[tuple[str, Picture]]:
    """Everything that is encoded, by name."""
    model = Paint()
    model.load("cpu")
    photos = {side: photograph(side) for side in SIDES}
    yield from ((f"photo {side}", photo) for side, photo in photos.items())
    yield from ((f"painting {side}", painting(model, photo)) for side, photo in photos.items())


def measure() -> Found:
    """By encoder and picture: milliseconds of CPU time, and the bytes that came of it."""
    found: Found = {name: {} for name in ENCODERS}
    for title, picture in pictures():
        for name, (seconds, size) in in_turns(picture).items():
            found[name][title] = {"ms": round(seconds * 1e3, 2), "kB": round(size / 1e3, 1)}
    return found


def in_turns(picture: Picture) -> dict[str, tuple[float, int]]:
    """The least CPU seconds of each encoder, and its bytes."""
    taken: dict[str, list[tuple[float, int]]] = {name: [] for name in ENCODERS}
    for _ in range(ROUNDS):
        for name, encoder in ENCODERS.items():
            begun = time.thread_time()
            data = encoder(picture)
            taken[name].append((time.thread_time() - begun, len(data)))
    return {name: min(every) for name, every in taken.items()}


def lines(found: Found) -> Iterator[str]:
    """A row for each picture."""
    yield f"{'ms CPU, kB':14}" + "".join(f"{name:>20}" for name in found)
    for title in found["png"]:
        cells = (found[name][title] for name in found)
        yield f"{title:14}" + "".join(f"{cell['ms']:11.2f}{cell['kB']:9.1f}" for cell in cells)


def main() -> None:
    """Measure and print."""
    chosen = parser(__doc__).parse_args()
    found = measure()
    say(found, chosen.json, *lines(found))


if __name__ == "__main__":
    main()
