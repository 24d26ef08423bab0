"""What `upscale` promises."""

import io
import subprocess
import sys
import weakref
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from safetensors.numpy import load_file

from gpu_worker.model import Interrupted, Model, Sample
from gpu_worker.models.upscale import MODELS, Upscale, model
from gpu_worker.models.upscale.engine import Engine
from gpu_worker.models.upscale.model import MARGIN, WEIGHTS, Params
from gpu_worker.models.upscale.ncnn_file import Numbers, layers
from gpu_worker.models.upscale.network import read
from gpu_worker.models.upscale.tile import tiles
from gpu_worker.pictures import Picture, decode, filled
from shared.errors import InputError

REFERENCE = Path(__file__).parent / "data" / "upscale.safetensors"


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Threads that wait for each other on a busy machine cost more than they give here."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def upscale() -> Upscale:
    loaded = Upscale()
    loaded.load("cpu")
    return loaded


def drawn(width: int = 70, height: int = 50, seed: int = 3) -> np.ndarray:
    """(H, W, 3) uint8: soft colours, hard discs, a little grain."""
    dice = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 200 / width, y * 200 / height, np.full(x.shape, 90.0)], -1)
    for _ in range(6):
        cx, cy, r = dice.uniform(0, width), dice.uniform(0, height), dice.uniform(4, 12)
        pixels[(x - cx) ** 2 + (y - cy) ** 2 < r * r] = dice.uniform(0, 255, 3)
    grain = dice.normal(0, 4, pixels.shape)
    return np.clip(pixels + grain, 0, 255).astype(np.uint8)


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def sample(upscale: Upscale, pixels: np.ndarray, **params: float) -> Sample:
    given = Params.model_validate(params)
    return Sample(upscale.prepare({"image": png(pixels)}, given), given, seed=0)


def made(upscale: Upscale, pixels: np.ndarray, **params: float) -> Picture:
    return upscale.generate([sample(upscale, pixels, **params)], lambda _: None)[0]


def apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    difference: np.ndarray = np.abs(one.astype(int) - other.astype(int))
    return difference


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_network_gives_what_ncnn_gives(scale: int) -> None:
    kept = load_file(REFERENCE)
    source = torch.from_numpy(kept["source"].astype(np.float32))[None]
    ours = read(WEIGHTS)(source, scale)[0].numpy()
    assert np.abs(ours - kept[f"x{scale}"].astype(np.float32)).max() < 1e-3


def test_fewer_bits_cannot_be_seen() -> None:
    exact = Engine(WEIGHTS, "cpu", torch.float32).colours(drawn(), 4, 1.0)
    quick = Engine(WEIGHTS, "cpu", torch.bfloat16).colours(drawn(), 4, 1.0)
    difference = apart(exact, quick)
    assert difference.max() <= 8
    assert difference.mean() < 0.3


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_no_seam_shows(upscale: Upscale, monkeypatch: pytest.MonkeyPatch, scale: int) -> None:
    pixels = np.dstack([drawn(110, 80), drawn(110, 80, 8)[..., 0]])
    whole = made(upscale, pixels, scale=scale, strength=0.9)
    monkeypatch.setattr(model, "SIDE", 33)
    tiled = made(upscale, pixels, scale=scale, strength=0.9)
    assert whole.alpha is not None
    assert tiled.alpha is not None
    for one, other in ((whole.rgb, tiled.rgb), (whole.alpha, tiled.alpha)):
        assert apart(one, other).max() <= 1
        assert (one != other).mean() < 0.001


def test_a_far_source_changes_nothing(upscale: Upscale) -> None:
    near = drawn(120, 40)
    far = near.copy()
    far[:, 60 + MARGIN :] = 255 - far[:, 60 + MARGIN :]
    left = [made(upscale, pixels, scale=4).rgb[:, : 60 * 4] for pixels in (near, far)]
    assert apart(*left).max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (256, 256), (257, 600), (5, 1000)])
def test_tiles_cover_every_pixel_once(size: tuple[int, int]) -> None:
    seen = np.zeros((size[0] * 3, size[1] * 3), int)
    for tile in tiles(*size, side=256, margin=20):
        source = np.zeros(size)[tile.rows.source, tile.columns.source]
        assert max(source.shape) <= 256 + 40
        kept = source.repeat(3, 0).repeat(3, 1)[tile.rows.kept(3), tile.columns.kept(3)]
        target = seen[tile.rows.target(3), tile.columns.target(3)]
        assert kept.shape == target.shape
        target += 1
    assert (seen == 1).all()


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_it_is_the_same_picture_larger(upscale: Upscale, scale: int) -> None:
    pixels = drawn(72, 48)
    large = made(upscale, pixels, scale=scale)
    assert large.rgb.shape == (48 * scale, 72 * scale, 3)
    assert large.rgb.dtype == np.uint8
    assert large.alpha is None
    again = np.asarray(Image.fromarray(large.rgb).reduce(scale))
    assert apart(again, pixels).mean() < 8


def test_it_is_sharper_than_plain_enlargement(upscale: Upscale) -> None:
    y, x = np.mgrid[0:256, 0:256]
    disc = np.where((x - 128) ** 2 + (y - 128) ** 2 < 90**2, 20, 230).astype(np.uint8)
    small = Image.fromarray(np.dstack([disc] * 3)).reduce(4)
    plain = np.asarray(small.resize((256, 256), Image.Resampling.LANCZOS))
    ours = made(upscale, np.asarray(small), scale=4).rgb
    soft, crisp = (((edge > 50) & (edge < 200)).mean() for edge in (plain, ours))
    assert crisp < 0.6 * soft, "the edge is narrower"
    assert apart(ours[..., 0], disc).mean() < apart(plain[..., 0], disc).mean(), "and where it was"


def test_strength_zero_is_plain_enlargement(upscale: Upscale) -> None:
    pixels = drawn()
    plain = np.asarray(Image.fromarray(pixels).resize((140, 100), Image.Resampling.BICUBIC))
    kept = [made(upscale, pixels, scale=2, strength=s).rgb for s in (0.0, 0.5, 1.0)]
    distances = [apart(picture, plain).mean() for picture in kept]
    assert distances[0] < 3
    assert distances[0] < distances[1] < distances[2]


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (128, 128, 128), (200, 150, 100)])
def test_a_flat_colour_stays(upscale: Upscale, colour: tuple[int, int, int]) -> None:
    flat = np.tile(np.array(colour, np.uint8), (64, 64, 1))
    assert apart(made(upscale, flat).rgb[40:-40, 40:-40], np.array(colour)).max() <= 1


def sticker() -> np.ndarray:
    """(H, W, 4) uint8: a red disc on clear ground; the clear ground is green where nobody sees."""
    y, x = np.mgrid[0:64, 0:64]
    inside = (x - 32) ** 2 + (y - 32) ** 2 < 20**2
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[...] = np.where(inside[..., None], (220, 30, 30, 255), (0, 255, 0, 0))
    return pixels


def test_alpha_is_enlarged_and_nothing_fringes(upscale: Upscale) -> None:
    large = made(upscale, sticker(), scale=4)
    assert large.alpha is not None
    assert large.alpha.shape == (256, 256)
    assert large.alpha[:40].max() == 0
    assert large.alpha[100:156, 100:156].min() == 255
    seen = large.rgb[large.alpha > 0]
    assert seen[:, 1].max() < 60, "no green shows at the edge"
    assert 0.28 < (large.alpha > 127).mean() < 0.34


def test_the_clear_is_filled_and_the_seen_is_untouched() -> None:
    pixels = sticker()
    whole = filled(Picture(pixels[..., :3].copy(), pixels[..., 3].copy()))
    assert np.array_equal(whole.rgb[pixels[..., 3] > 0], pixels[pixels[..., 3] > 0][:, :3])
    assert whole.rgb[..., 1].max() <= 40


def test_a_wholly_clear_picture_does_no_harm(upscale: Upscale) -> None:
    clear = np.zeros((16, 16, 4), np.uint8)
    alpha = made(upscale, clear).alpha
    assert alpha is not None
    assert alpha.max() == 0


def test_a_picture_depends_on_nothing_but_itself(upscale: Upscale) -> None:
    samples = [
        sample(upscale, drawn()),
        sample(upscale, drawn(40, 90, 5), scale=3),
        sample(upscale, drawn(64, 64, 6), scale=4),
    ]
    together = upscale.generate(samples, lambda _: None)
    for one, picture in zip(samples, together, strict=True):
        again = replace(one.prepared, large=None)
        (alone,) = upscale.generate([replace(one, prepared=again)], lambda _: None)
        assert np.array_equal(alone.rgb, picture.rgb)


def test_artworks_of_one_job_are_made_once(upscale: Upscale) -> None:
    one, shares = sample(upscale, drawn()), list[float]()
    pictures = upscale.generate([one, one, one], shares.append)
    assert shares == [1.0]
    assert pictures[0] is pictures[2]
    assert upscale.generate([one], shares.append)[0] is pictures[0]
    assert shares == [1.0], "nor in a batch of their own"


def test_it_reports_every_tile(upscale: Upscale, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "SIDE", 32)
    shares: list[float] = []
    upscale.generate(
        [sample(upscale, drawn(64, 40)), sample(upscale, drawn(20, 20))], shares.append
    )
    assert shares == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_it_stops_where_it_is_told_to(upscale: Upscale) -> None:
    def stop(share: float) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        upscale.generate([sample(upscale, drawn())], stop)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_what_would_grow_too_large_is_refused(scale: int) -> None:
    side = 8000 // scale
    refused = png(np.zeros((side + 8, side + 8), np.uint8))
    with pytest.raises(InputError, match=f"{scale} times as large") as caught:
        Upscale().prepare({"image": refused}, Params.model_validate({"scale": scale}))
    assert caught.value.code == "image_too_large"
    assert Upscale.about.limits["output_pixels"] == 64_000_000


@pytest.mark.parametrize(("data", "code"), [(b"", "image_empty"), (b"words", "image_unreadable")])
def test_what_is_no_picture_has_a_code(data: bytes, code: str) -> None:
    with pytest.raises(InputError) as caught:
        Upscale().prepare({"image": data}, Params())
    assert caught.value.code == code


def test_encode_gives_a_png_and_a_thumbnail(upscale: Upscale) -> None:
    picture = made(upscale, sticker(), scale=4)
    encoded = upscale.encode(picture, Params())
    assert encoded.media_type == Upscale.about.media_type == "image/png"
    assert (encoded.width, encoded.height) == (256, 256)
    assert np.array_equal(decode(encoded.data).rgb, picture.rgb)
    assert decode(encoded.thumbnail).alpha is not None


def test_encodes_what_was_asked_for(upscale: Upscale) -> None:
    params = Params.model_validate({"format": "jpeg"})
    encoded = upscale.encode(Picture(drawn()), params)
    assert encoded.media_type == "image/jpeg"
    with Image.open(io.BytesIO(encoded.data)) as kept:
        assert (kept.format, kept.size) == ("JPEG", (70, 50))


def test_what_its_format_cannot_hold_is_refused_at_once() -> None:
    wide = {"image": png(np.zeros((8, 4200), np.uint8))}
    Upscale().prepare(wide, Params.model_validate({"scale": 4}))
    with pytest.raises(InputError, match="webp") as caught:
        Upscale().prepare(wide, Params.model_validate({"scale": 4, "format": "webp"}))
    assert caught.value.code == "image_too_large"


def test_unloaded_it_can_be_loaded_again() -> None:
    upscale = Upscale()
    upscale.load("cpu")
    before = made(upscale, drawn(24, 24))
    network = weakref.ref(upscale.engine)
    upscale.unload()
    assert network() is None, "its memory is free"
    upscale.load("cpu")
    assert np.array_equal(made(upscale, drawn(24, 24)).rgb, before.rgb)


@pytest.mark.parametrize(
    "params", [{"scale": 5}, {"scale": "big"}, {"strength": 1.1}, {"strength": -1}, {"sharp": 1}]
)
def test_params_are_checked(params: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Params.model_validate(params)


def test_it_describes_itself_in_two_languages() -> None:
    _: type[Model] = Upscale
    assert [Upscale] == MODELS
    assert Upscale.about.title.zh
    for schema in (Upscale.Input.model_json_schema(), Upscale.Params.model_json_schema()):
        assert schema["additionalProperties"] is False
        for given in schema["properties"].values():
            assert given["title"]
            assert given["x-title-zh"]


def test_importing_it_leaves_torch_alone() -> None:
    code = "import sys, gpu_worker.models.upscale as u; u.Upscale(); print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_ncnn_files_are_read_to_the_letter() -> None:
    text = "7767517\n2 2\nInput a 0 1 x\nConvolution c 1 1 x y 0=1 1=1 6=3\n"
    assert [(layer.kind, layer.settings) for layer in layers(text)] == [
        ("Input", {}),
        ("Convolution", {0: "1", 1: "1", 6: "3"}),
    ]
    data = b"\x47\x6b\x30\x01" + np.array([1, 2, 3, 0], "<f2").tobytes() + b"\0\0\x80\x3f"
    numbers = Numbers(data)
    assert numbers.tagged(3).tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="left over"):
        numbers.end()
    assert numbers.plain(1).tolist() == [1]
    numbers.end()
    with pytest.raises(ValueError, match="not an ncnn param"):
        layers("1234\n")
