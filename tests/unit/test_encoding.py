"""What is promised about the bytes of an artwork."""

import io
import subprocess
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gpu_worker.encoding import Format, check_size, encode
from gpu_worker.pictures import Picture, encode_jpeg, encode_png, encode_webp, png, thumbnail
from shared.errors import InputError

Pixels = Callable[[int, int, int, np.random.Generator], np.ndarray]


def flat(height: int, width: int, channels: int, dice: np.random.Generator) -> np.ndarray:
    return np.tile(dice.integers(0, 256, channels, np.uint8), (height, width, 1))


def noise(height: int, width: int, channels: int, dice: np.random.Generator) -> np.ndarray:
    return dice.integers(0, 256, (height, width, channels), np.uint8)


def ramp(height: int, width: int, channels: int, dice: np.random.Generator) -> np.ndarray:
    y, x, c = np.ogrid[:height, :width, :channels]
    return ((y * dice.integers(9) + x * dice.integers(9) + 80 * c) % 256).astype(np.uint8)


def smooth(height: int, width: int, channels: int, dice: np.random.Generator) -> np.ndarray:
    """Like a photograph: clouds of colour with a little grain."""
    clouds = Image.fromarray(dice.integers(0, 256, (5, 5, 4), np.uint8))
    large = np.asarray(clouds.resize((width, height), Image.Resampling.BICUBIC))[..., :channels]
    return (large // 2 + dice.integers(0, 4, large.shape, np.uint8)).astype(np.uint8)


def picture(pixels: np.ndarray) -> Picture:
    return Picture(pixels[..., :3], pixels[..., 3] if pixels.shape[2] == 4 else None)


def shown(data: bytes, kind: str = "PNG") -> np.ndarray:
    """Its pixels as others read them, every checksum looked at."""
    with Image.open(io.BytesIO(data)) as image:
        image.verify()
    with Image.open(io.BytesIO(data)) as image:
        assert image.format == kind
        return np.asarray(image)


@pytest.fixture(params=["isal", "zlib"])
def packer(request: pytest.FixtureRequest) -> Iterator[str]:
    """With the quick library, and without it."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "zlib":
            patch.setattr(png, "isal_zlib", None)
        yield request.param


SIDES = st.one_of(st.integers(1, 12), st.integers(1, 400))


@given(
    height=SIDES,
    width=SIDES,
    channels=st.sampled_from([3, 4]),
    kind=st.sampled_from([flat, noise, ramp, smooth]),
    seed=st.integers(0, 999),
)
@settings(max_examples=150, deadline=None)
def test_a_png_holds_every_pixel_of_any_picture(
    height: int, width: int, channels: int, kind: Pixels, seed: int
) -> None:
    pixels = kind(height, width, channels, np.random.default_rng(seed))
    assert np.array_equal(shown(encode_png(picture(pixels))), pixels)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(
    "size", [(1, 1), (1, 8192), (8192, 1), (3, 8191), (700, 701), (90, 70_000)]
)
def test_a_png_holds_every_pixel_at_odd_sizes(
    packer: str, size: tuple[int, int], channels: int
) -> None:
    pixels = smooth(*size, channels, np.random.default_rng(1))
    assert np.array_equal(shown(encode_png(picture(pixels))), pixels)


@pytest.mark.slow
def test_a_png_of_8192_by_8192_holds_every_pixel() -> None:
    pixels = np.tile(smooth(64, 8192, 3, np.random.default_rng(4)), (128, 1, 1))
    assert np.array_equal(shown(encode_png(Picture(pixels))), pixels)


@pytest.mark.parametrize("channels", [3, 4])
def test_a_view_of_other_pixels_is_encoded_as_it_looks(packer: str, channels: int) -> None:
    pixels = smooth(60, 90, channels, np.random.default_rng(2))
    for view in (pixels[::-1], pixels[:, ::2], pixels[5:50, 7:80], pixels.swapaxes(0, 1)):
        assert np.array_equal(shown(encode_png(picture(view))), view)
        assert thumbnail(picture(view)) == thumbnail(picture(view.copy()))
        assert encode_jpeg(picture(view), 80) == encode_jpeg(picture(view.copy()), 80)


@pytest.mark.parametrize("kind", list(Format))
def test_the_bytes_of_a_picture_are_always_the_same(packer: str, kind: Format) -> None:
    pixels = smooth(300, 400, 3, np.random.default_rng(3))
    first = encode(Picture(pixels), kind)
    for _ in range(5):
        encode(Picture(noise(200, 200, 3, np.random.default_rng())), kind)
        assert encode(Picture(pixels.copy()), kind) == first


def test_without_the_quick_library_a_png_is_made_all_the_same() -> None:
    code = """
import sys
sys.modules["isal"] = None
import io
import numpy as np
from PIL import Image
from gpu_worker.pictures import Picture, encode_png, png
pixels = np.arange(30_000, dtype=np.uint8).reshape(100, 100, 3)
assert png.isal_zlib is None
assert (np.asarray(Image.open(io.BytesIO(encode_png(Picture(pixels))))) == pixels).all()
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_png_is_hardly_larger_than_a_slow_one(packer: str) -> None:
    pixels = smooth(512, 512, 3, np.random.default_rng(6))
    slow = io.BytesIO()
    Image.fromarray(pixels).save(slow, "PNG", compress_level=6)
    assert len(encode_png(Picture(pixels))) < 1.25 * len(slow.getvalue())


def half_clear() -> Picture:
    """Red; its left half cannot be seen."""
    rgb = np.zeros((64, 96, 3), np.uint8)
    rgb[...] = 200, 0, 0
    alpha = np.full((64, 96), 255, np.uint8)
    alpha[:, :48] = 0
    return Picture(rgb, alpha)


def test_a_jpeg_shows_white_where_a_picture_is_clear() -> None:
    pixels = shown(encode_jpeg(half_clear(), 90), "JPEG").astype(int)
    assert np.abs(pixels[:, :40] - 255).max() < 8
    assert np.abs(pixels[:, 56:] - (200, 0, 0)).max() < 12


def test_a_webp_keeps_what_is_clear() -> None:
    pixels = shown(encode_webp(half_clear(), 90), "WEBP")
    assert pixels[..., 3].tolist() == half_clear().alpha.tolist()  # type: ignore[union-attr]
    assert shown(encode_webp(Picture(half_clear().rgb), 90), "WEBP").shape == (64, 96, 3)


@pytest.mark.parametrize(("encoder", "kind"), [(encode_jpeg, "JPEG"), (encode_webp, "WEBP")])
def test_a_higher_quality_is_truer_and_larger(
    encoder: Callable[[Picture, int], bytes], kind: str
) -> None:
    pixels = smooth(128, 128, 3, np.random.default_rng(5))
    files = [encoder(Picture(pixels), quality) for quality in (10, 50, 90)]
    errors = [np.abs(shown(data, kind).astype(int) - pixels).mean() for data in files]
    assert sorted(files, key=len) == files
    assert sorted(errors, reverse=True) == errors
    assert errors[-1] < 2.5


def test_a_red_line_on_blue_stays_sharp_in_a_jpeg() -> None:
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[...] = 30, 30, 160
    pixels[:, 31] = 200, 20, 20
    kept = shown(encode_jpeg(Picture(pixels), 90), "JPEG")
    assert kept[:, 31, 0].min() > 180
    assert kept[:, 33, 0].max() < 60


def test_an_artwork_says_what_it_is() -> None:
    for kind in Format:
        encoded = encode(half_clear(), kind)
        assert encoded.media_type == f"image/{kind}"
        assert (encoded.width, encoded.height) == (96, 64)
        assert shown(encoded.data, kind.upper()).shape[:2] == (64, 96)
        assert shown(encoded.thumbnail, "WEBP").shape == (64, 96, 4)


@pytest.mark.parametrize(
    ("kind", "largest"), [(Format.WEBP, 16_383), (Format.JPEG, 65_500), (Format.PNG, 200_000)]
)
def test_every_format_holds_what_it_is_said_to_hold(kind: Format, largest: int) -> None:
    check_size(kind, largest, 1)
    encoded = encode(Picture(np.zeros((1, largest, 3), np.uint8)), kind)
    assert shown(encoded.data, kind.upper()).shape[1] == largest


@pytest.mark.parametrize("kind", [Format.WEBP, Format.JPEG])
def test_what_a_format_cannot_hold_has_a_code(kind: Format) -> None:
    with pytest.raises(InputError) as caught:
        check_size(kind, 8, 70_000)
    assert caught.value.code == "image_too_large"


@pytest.mark.parametrize("channels", [3, 4])
def test_a_thumbnail_looks_like_its_picture(channels: int) -> None:
    pixels = smooth(700, 1000, channels, np.random.default_rng(9))
    small = shown(thumbnail(picture(pixels)), "WEBP").astype(int)
    wanted = Image.fromarray(pixels).resize((384, 269), Image.Resampling.LANCZOS)
    assert np.abs(small - np.asarray(wanted)).mean() < 3
