"""What `gpu_worker.pictures` promises about any bytes."""

import io
import random
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from gpu_worker import pictures
from gpu_worker.pictures import Picture, decode, encode_png, thumbnail
from shared.errors import InputError

CODES = {
    "image_empty",
    "image_too_large",
    "image_truncated",
    "image_unreadable",
    "image_unsupported",
}


def photo(width: int = 48, height: int = 32) -> Image.Image:
    """A smooth picture: red grows to the right, green downwards."""
    x, y = np.linspace(0, 255, width), np.linspace(0, 255, height)
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[..., 0], pixels[..., 1], pixels[..., 2] = x, y[:, None], 90
    return Image.fromarray(pixels)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def code_of(data: bytes, **options: int) -> str:
    with pytest.raises(InputError) as caught:
        decode(data, **options)
    assert not caught.value.retryable
    return caught.value.code


def close(picture: Picture, expected: Image.Image, tolerance: float = 3.0) -> None:
    wanted = np.asarray(expected.convert("RGB")).astype(int)
    assert picture.rgb.dtype == np.uint8
    assert picture.rgb.shape == wanted.shape
    assert np.abs(picture.rgb - wanted).mean() <= tolerance


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_header(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = png_chunk(b"IDAT", zlib.compress(b"\0" * 64)) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + body


def profile(space: bytes, pcs: bytes, tags: dict[bytes, bytes]) -> bytes:
    """An ICC profile, version 2.1, of these tags."""
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", 5) + b"made\0" + b"\0" * 79,
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
        b"wtpt": xyz(0.9642, 1.0, 0.8249),
    } | tags
    start = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, block in tags.items():
        table += struct.pack(">4sII", name, start + len(body), len(block))
        body += block + b"\0" * (-len(block) % 4)
    kind = b"prtr" if space == b"CMYK" else b"mntr"
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"lcms", 0x02100000, kind, space, pcs)
    head += b"\0" * 12 + b"acsp" + b"\0" * 28 + xyz(0.9642, 1.0, 0.8249)[8:]
    return head.ljust(128, b"\0") + table + body


def xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))


def wide_profile() -> bytes:
    """RGB whose red and green lie far outside sRGB's (the primaries of ProPhoto, gamma 1.8)."""
    gamma = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(1.8 * 256)) + b"\0\0"
    colours = {
        b"rXYZ": xyz(0.7977, 0.2880, 0.0),
        b"gXYZ": xyz(0.1352, 0.7119, 0.0),
        b"bXYZ": xyz(0.0313, 0.0001, 0.8249),
    }
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), gamma)
    return profile(b"RGB ", b"XYZ ", colours | curves)


def ink_profile(cyan: tuple[int, int, int]) -> bytes:
    """CMYK in which the first ink has that colour (8-bit Lab) and only black is seen besides."""
    matrix = struct.pack(">9i", *(65536 * v for v in (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    ramp, white, black = bytes(range(256)), (255, 128, 128), (0, 128, 128)
    inks = (black if corner & 1 else cyan if corner & 8 else white for corner in range(16))
    grid = b"".join(bytes(ink) for ink in inks)
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + matrix + ramp * 4 + grid + ramp * 3
    return profile(b"CMYK", b"Lab ", {b"A2B0": table})


PLAIN = [
    ("JPEG", {"quality": 95}),
    ("PNG", {}),
    ("WEBP", {"lossless": True}),
    ("BMP", {}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("TIFF", {"compression": "jpeg", "quality": 95}),
]


@pytest.mark.parametrize(("kind", "options"), PLAIN)
def test_takes_the_usual_formats(kind: str, options: dict[str, object]) -> None:
    picture = decode(saved(photo(), kind, **options))
    close(picture, photo())
    assert picture.alpha is None
    assert picture.rgb.flags.c_contiguous
    assert picture.rgb.flags.writeable


@pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF")
def test_takes_avif() -> None:
    close(decode(saved(photo(), "AVIF", quality=95)), photo(), 6)


def test_takes_a_jpeg_of_two_frames() -> None:
    data = saved(photo(), "MPO", save_all=True, append_images=[photo(48, 40)], quality=95)
    close(decode(data), photo())


def test_cmyk_jpeg_without_a_profile() -> None:
    close(decode(saved(photo().convert("CMYK"), "JPEG", quality=95)), photo(), 4)


def test_cmyk_jpeg_with_a_profile_for_rgb_ignores_the_profile() -> None:
    data = saved(photo().convert("CMYK"), "JPEG", quality=95, icc_profile=wide_profile())
    close(decode(data), photo(), 4)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_with_a_profile_follows_the_profile(kind: str) -> None:
    inks = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    data = saved(inks, kind, icc_profile=ink_profile((136, 208, 195)))
    red = decode(data).rgb[8, 8]
    assert abs(red.astype(int) - (255, 0, 0)).max() < 40, "this cyan ink is red"


def test_cmyk_tiff() -> None:
    close(decode(saved(photo().convert("CMYK"), "TIFF")), photo())


def test_lab_tiff() -> None:
    lab = Image.merge("LAB", [Image.new("L", (16, 16), v) for v in (136, 208, 195)])
    red = decode(saved(lab, "TIFF")).rgb[8, 8]
    assert abs(red.astype(int) - (255, 0, 0)).max() < 25


def gradient(white: float, kind: type) -> np.ndarray:
    return np.tile(np.linspace(0, white, 64), (16, 1)).astype(kind)


@pytest.mark.parametrize(
    ("array", "container"),
    [
        (gradient(65535, np.uint16), "PNG"),
        (gradient(65535, np.uint16), "TIFF"),
        (gradient(65535, np.int32), "TIFF"),
        (gradient(2_000_000, np.int32), "TIFF"),
        (gradient(1, np.float32), "TIFF"),
        (gradient(255, np.float32), "TIFF"),
        (gradient(9000, np.float32) - 4500, "TIFF"),
    ],
)
def test_deep_greys_are_scaled_and_not_clipped(array: np.ndarray, container: str) -> None:
    picture = decode(saved(Image.fromarray(array), container))
    expected = np.linspace(0, 255, 64)
    for channel in range(3):
        assert np.abs(picture.rgb[8, :, channel] - expected).max() <= 1.5


def test_a_dark_sixteen_bit_picture_stays_dark() -> None:
    dark = Image.fromarray(np.full((16, 16), 6553, np.uint16))
    assert decode(saved(dark, "PNG")).rgb.max() == 25


def test_broken_numbers_in_a_float_picture_do_no_harm() -> None:
    array = gradient(1, np.float32)
    array[0, :3] = np.nan, np.inf, -np.inf
    assert abs(int(decode(saved(Image.fromarray(array), "TIFF")).rgb[8, 63, 0]) - 255) <= 1


def test_sixteen_bit_colour_png() -> None:
    rows = b"".join(b"\0" + struct.pack(">HHH", 65535, 32768, 0) * 16 for _ in range(16))
    header = struct.pack(">IIBBBBB", 16, 16, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
    data += png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b"")
    assert tuple(decode(data).rgb[3, 3]) == (255, 128, 0)


def test_one_bit_and_grey() -> None:
    for mode in ("1", "L"):
        close(decode(saved(photo().convert(mode), "PNG")), photo().convert(mode))


def half_clear(image: Image.Image) -> Image.Image:
    alpha = np.full((image.height, image.width), 255, np.uint8)
    alpha[:, : image.width // 2] = 0
    image.putalpha(Image.fromarray(alpha))
    return image


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_alpha_is_kept(mode: str, kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    picture = decode(saved(half_clear(photo().convert(mode)), kind, **options))
    assert picture.alpha is not None
    assert picture.alpha.shape == (32, 48)
    assert picture.alpha[0, 0] == 0
    assert picture.alpha[0, 47] == 255


def test_palette_with_transparency() -> None:
    flat = Image.fromarray(np.repeat([[0, 1, 2]], 12, 0).repeat(4, 1).astype(np.uint8), "P")
    flat.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    for kind, clear in (("PNG", 1), ("PNG", b"\xff\x00\x80"), ("GIF", 1)):
        picture = decode(saved(flat, kind, transparency=clear))
        assert picture.alpha is not None
        assert tuple(picture.alpha[0, [0, 5]]) == (255, 0)
        assert tuple(picture.rgb[0, 0]) == (255, 0, 0)


def test_a_clear_colour_in_an_rgb_png() -> None:
    image = Image.new("RGB", (16, 16), (1, 2, 3))
    image.paste((9, 9, 9), (8, 0, 16, 16))
    alpha = decode(saved(image, "PNG", transparency=(1, 2, 3))).alpha
    assert alpha is not None
    assert tuple(alpha[0, [0, 15]]) == (0, 255)


def test_alpha_that_hides_nothing_is_dropped() -> None:
    assert decode(saved(photo().convert("RGBA"), "PNG")).alpha is None


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animation_gives_its_first_frame(kind: str) -> None:
    frames = [Image.new("RGB", (24, 16), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=90, **options)
    assert tuple(decode(data).rgb[8, 8]) == (255, 0, 0)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_comes_upright(kind: str, orientation: int) -> None:
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    lying = photo().transpose(undo[orientation]) if orientation > 1 else photo()
    exif = Image.Exif()
    exif[0x0112] = orientation
    close(decode(saved(lying, kind, exif=exif)), photo(), 4)
    turned = decode(saved(lying, kind, exif=exif), long_side=24)
    assert (turned.width, turned.height) == (24, 16)


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0MM\0\x2a\xff\xff\xff\xff", b"Exif\0\0nonsense", b"x" * 99]
)
def test_damaged_exif_is_ignored(exif: bytes) -> None:
    close(decode(saved(photo(), "JPEG", exif=exif, quality=95)), photo())


def test_a_wide_profile_is_converted_to_srgb() -> None:
    data = saved(Image.new("RGB", (16, 16), (200, 120, 120)), "PNG", icc_profile=wide_profile())
    red, green, _ = (int(v) for v in decode(data).rgb[8, 8])
    assert red > 230, "a wide gamut's red is redder than the same number in sRGB"
    assert green < 120
    grey = saved(Image.new("RGB", (16, 16), (120,) * 3), "PNG", icc_profile=wide_profile())
    values = decode(grey).rgb[8, 8].astype(int)
    assert values.max() - values.min() <= 2, "grey stays grey"
    assert values[0] > 125, "gamma 1.8 is lighter than sRGB's"


def test_the_profile_of_srgb_changes_nothing() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = saved(photo(), "PNG", icc_profile=srgb)
    assert np.array_equal(decode(data).rgb, np.asarray(photo()))
    close(decode(saved(photo().convert("L"), "PNG", icc_profile=srgb)), photo().convert("L"), 0)


@pytest.mark.parametrize("broken", [b"", b"nonsense", wide_profile()[:200], b"\0" * 4000])
@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_a_broken_profile_is_ignored(broken: bytes, mode: str) -> None:
    image = photo().convert(mode)
    close(decode(saved(image, "PNG", icc_profile=broken)), image)


def test_a_profile_keeps_alpha() -> None:
    data = saved(half_clear(photo()), "PNG", icc_profile=wide_profile())
    alpha = decode(data).alpha
    assert alpha is not None
    assert tuple(alpha[0, [0, 47]]) == (0, 255)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_file_that_was_cut_off(kind: str, share: float) -> None:
    if kind not in pictures.FORMATS:
        pytest.skip("Pillow without it")
    noise = np.random.default_rng(1).integers(0, 255, (64, 64, 3), np.uint8)
    data = saved(Image.fromarray(noise), kind)
    assert code_of(data[: int(len(data) * share)]) in {"image_truncated", "image_unreadable"}
    if kind in {"JPEG", "PNG", "WEBP", "BMP", "GIF"}:
        assert code_of(data[: int(len(data) * share)]) == "image_truncated"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "image_empty"),
        (b"hello, this is no picture\n" * 50, "image_unreadable"),
        (b"\0" * 4096, "image_unreadable"),
        (b"%PDF-1.7\n" + b"x" * 100, "image_unsupported"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image_unsupported"),
        (b'\xef\xbb\xbf<?xml version="1.0"?><svg/>', "image_unsupported"),
        (b"8BPS\0\1" + b"\0" * 100, "image_unsupported"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 100, "image_unsupported"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + b"\0" * 100, "image_unsupported"),
        (b"\0\0\0\x20ftypisom\0\0\2\0isomiso2" + b"\0" * 100, "image_unsupported"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "image_unsupported"),
        (b"P6\n16 16\n255\n" + b"\0" * 768, "image_unsupported"),
        (png_header(60_000, 60_000), "image_too_large"),
        (png_header(9_000, 9_000), "image_too_large"),
        (png_header(1, 1), "image_empty"),
        (png_header(4_000, 7), "image_empty"),
    ],
)
def test_what_cannot_be_used_has_a_code(data: bytes, code: str) -> None:
    assert code_of(data) == code


@pytest.mark.parametrize("kind", ["JPEG2000", "ICO", "TGA", "PPM"])
def test_a_picture_of_a_kind_we_refuse(kind: str) -> None:
    code = code_of(saved(photo(), kind))
    assert code == ("image_unreadable" if kind == "TGA" else "image_unsupported")


def test_the_pixel_limit_is_the_callers() -> None:
    assert code_of(saved(photo(), "PNG"), max_pixels=48 * 32 - 1) == "image_too_large"
    decode(saved(photo(), "PNG"), max_pixels=48 * 32)


def test_warnings_stay_inside() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = list(warnings.filters)
        assert code_of(png_header(12_000, 9_000)) == "image_too_large"
        decode(saved(photo(), "JPEG", exif=b"Exif\0\0MM\0\x2a\xff\xff\xff\xff"))
        assert list(warnings.filters) == before


def test_threads_that_overlap_leave_the_filters_as_they_were() -> None:
    before, data = list(warnings.filters), saved(photo(), "JPEG")
    threads = [threading.Thread(target=lambda: [decode(data) for _ in range(30)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before


BIG = """
import io, re, sys
from pathlib import Path
from PIL import Image
out = io.BytesIO()
Image.new("L", (9000, 6600), 128).save(out, "JPEG")
from gpu_worker.pictures import decode
picture = decode(out.getvalue(), long_side=int(sys.argv[1]) or None)
peak = re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]
print(picture.width, picture.height, int(peak) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("long_side", "size", "megabytes"), [(0, (9000, 6600), 700), (1024, (1024, 751), 160)]
)
def test_sixty_megapixels_are_taken_in_little_memory(
    long_side: int, size: tuple[int, int], megabytes: int
) -> None:
    run = subprocess.run(
        [sys.executable, "-c", BIG, str(long_side)], capture_output=True, text=True, check=True
    )
    width, height, peak = map(int, run.stdout.split())
    assert (width, height) == size
    assert peak < megabytes


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_working_size_is_the_same_picture(kind: str) -> None:
    data = saved(photo(1600, 1200), kind)
    close(decode(data, long_side=200), photo(200, 150), 2)
    assert decode(data, long_side=5000).width == 1600, "never enlarged"


def test_resized_keeps_the_shape_and_the_look() -> None:
    picture = decode(saved(photo(600, 400), "PNG"))
    close(picture.resized(300), photo(300, 200), 1)
    close(picture.resized(900), photo(900, 600), 1)
    assert picture.scaled(100, 50).rgb.shape == (50, 100, 3)
    assert picture.resized(600) is picture


def test_resizing_lets_no_hidden_colour_through() -> None:
    rgb = np.zeros((64, 64, 3), np.uint8)
    rgb[:, :31], rgb[:, 31:] = (0, 255, 0), (255, 0, 0)
    alpha = np.zeros((64, 64), np.uint8)
    alpha[:, 31:] = 255
    for small in (Picture(rgb, alpha).resized(20), Picture(rgb, alpha).resized(150)):
        assert small.alpha is not None
        seen = small.rgb[small.alpha > 8]
        assert seen[:, 1].max() <= 16, "the green under the clear half does not fringe the red"


def test_over_lays_the_picture_on_a_ground() -> None:
    rgb = np.full((8, 8, 3), 100, np.uint8)
    alpha = np.zeros((8, 8), np.uint8)
    alpha[4:] = 255
    flat = Picture(rgb, alpha).over((255, 255, 255))
    assert tuple(flat[0, 0]) == (255, 255, 255)
    assert tuple(flat[7, 0]) == (100, 100, 100)


def test_png_holds_every_pixel() -> None:
    for image in (photo(), half_clear(photo()), photo(9, 8), photo(2500, 1700)):
        picture = decode(saved(image, "PNG"))
        again = decode(encode_png(picture))
        assert np.array_equal(again.rgb, picture.rgb)
        assert (again.alpha is None) == (picture.alpha is None)
        if picture.alpha is not None and again.alpha is not None:
            assert np.array_equal(again.alpha, picture.alpha)


def test_a_thumbnail_is_a_small_webp() -> None:
    with Image.open(io.BytesIO(thumbnail(decode(saved(photo(900, 600), "PNG"))))) as small:
        assert (small.format, small.size, small.mode) == ("WEBP", (384, 256), "RGB")
    clear = decode(saved(half_clear(photo(900, 600)), "PNG"))
    with Image.open(io.BytesIO(thumbnail(clear, 90))) as small:
        assert (small.size, small.mode) == ((90, 60), "RGBA")
    with Image.open(io.BytesIO(thumbnail(decode(saved(photo(), "PNG"))))) as small:
        assert small.size == (48, 32), "not enlarged"


def seeds() -> list[bytes]:
    clear = half_clear(photo())
    exif = Image.Exif()
    exif[0x0112] = 6
    return [
        saved(photo(), "JPEG", exif=exif, icc_profile=wide_profile()),
        saved(photo(), "JPEG", progressive=True),
        saved(photo().convert("CMYK"), "JPEG"),
        saved(clear, "PNG", icc_profile=wide_profile()),
        saved(photo().convert("P"), "PNG", transparency=3),
        saved(Image.fromarray(gradient(65535, np.uint16)), "PNG"),
        saved(clear, "WEBP"),
        saved(photo(), "WEBP", save_all=True, append_images=[photo().rotate(180)]),
        saved(photo(), "GIF", save_all=True, append_images=[photo().rotate(180)]),
        saved(photo(), "BMP"),
        saved(photo(), "TIFF", compression="tiff_lzw"),
        saved(photo(), "TIFF"),
        saved(photo(), "AVIF") if "AVIF" in pictures.FORMATS else saved(photo(), "PNG"),
    ]


def flip(data: bytearray, dice: random.Random) -> None:
    for _ in range(dice.choice((1, 3, 20))):
        data[dice.randrange(len(data))] = dice.randrange(256)


def flip_header(data: bytearray, dice: random.Random) -> None:
    for _ in range(dice.choice((1, 4))):
        data[dice.randrange(min(160, len(data)))] = dice.choice((0, 1, 0x7F, 0x80, 0xFF))


def cut(data: bytearray, dice: random.Random) -> None:
    del data[dice.randrange(1, len(data)) :]


def splice(data: bytearray, dice: random.Random) -> None:
    start, length = dice.randrange(len(data)), dice.randrange(1, 64)
    data[start : start + length] = dice.randbytes(dice.randrange(64))


MUTATIONS: list[Callable[[bytearray, random.Random], None]] = [flip, flip_header, cut, splice]


def outcome(data: bytes, long_side: int | None) -> str:
    try:
        picture = decode(data, long_side=long_side)
    except InputError as error:
        return error.code
    return f"{picture.rgb.ndim} {picture.rgb.dtype}"


def test_no_bytes_bring_anything_but_a_picture_or_a_code() -> None:
    dice, originals = random.Random(20), seeds()
    outcomes = []
    for turn in range(650):
        data = bytearray(originals[turn % len(originals)])
        dice.choice(MUTATIONS)(data, dice)
        outcomes.append(outcome(bytes(data), dice.choice((None, 16))))
    assert set(outcomes) <= CODES | {"3 uint8"}
    assert 50 < outcomes.count("3 uint8") < 550, "the mutations are neither harmless nor hopeless"


def test_random_bytes_behind_every_signature() -> None:
    dice = random.Random(7)
    for original in seeds():
        for kept in (4, 12, 24, 40):
            assert code_of(original[:kept] + dice.randbytes(300)) in CODES
