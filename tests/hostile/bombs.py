"""Files that are small until they are opened, and those that lie about their size."""

import struct
from collections.abc import Iterator

from tests.hostile.forms import bmp, canvas, gif, long, png, riff, segment, tiff, usual_tags, zeros
from tests.hostile.mutations import PNG, chunk
from tests.hostile.originals import originals, photo, saved

SIDES = (0, 1, 7, 8, 65535, 65536, 10**9, 2**31 - 1, 2**31, 2**32 - 1)
JPEG_EOB_RUN = bytes((0b0_1111111, 0b11111110)) * 60
"""Codes of one bit each, with 14 more: runs of empty blocks, as long as they can be."""


def bombs() -> Iterator[tuple[str, bytes]]:
    """By name."""
    yield from _sizes()
    yield from _pngs()
    yield from _tiffs()
    yield from _gifs()
    yield from _webps()
    yield from _jpegs()


def _sizes() -> Iterator[tuple[str, bytes]]:
    for width in SIDES:
        for height in (8, 65535, width):
            yield f"png-size-{width}-{height}", png(width & 0xFFFFFFFF, height & 0xFFFFFFFF)
            yield f"tiff-size-{width}-{height}", tiff(usual_tags(width, height), bytes(64))
            low, high = min(width, 65535), min(height, 65535)
            yield f"gif-size-{width}-{height}", gif((low, high), [(0, 0, low, high)])
            yield f"webp-size-{width}-{height}", riff(canvas(width, height), (b"VP8 ", bytes(40)))
            yield f"jpeg-size-{width}-{height}", jpeg_of(low, high)
    for width in (0, 16, -16, 2**31 - 1, -(2**31)):
        for bits, packing in ((1, 0), (8, 1), (4, 2), (24, 0), (16, 3), (32, 6), (99, 9)):
            yield f"bmp-size-{width}-{bits}", bmp(16, width, bits, packing, colours=2**32 - 1)
            yield f"bmp-start-{width}-{bits}", bmp(width, 16, bits, packing, start=2**31)


def jpeg_of(width: int, height: int) -> bytes:
    """A real one whose frame says another size."""
    data = originals()["jpeg-plain"]
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def _pngs() -> Iterator[tuple[str, bytes]]:
    packed = zeros(64 * 2**20)
    many = 3000
    yield "png-bomb-profile", png(16, 16, chunk(b"iCCP", b"x\0\0" + packed))
    yield "png-bomb-text", png(16, 16, chunk(b"zTXt", b"x\0\0" + packed))
    yield "png-bomb-words", png(16, 16, *[chunk(b"iTXt", b"x\0\1\0\0\0" + packed)] * 3)
    yield "png-bomb-exif", png(16, 16, chunk(b"eXIf", b"MM\0\x2a" + b"\xff" * 2**20))
    yield "png-bomb-chunks", png(16, 16, *[chunk(b"tEXt", b"a\0b")] * many)
    head = struct.pack(">IIBBBBB", 7900, 8000, 8, 2, 0, 0, 0)
    for name, size in (("bomb-pixels", 8000 * (7900 * 3 + 1)), ("bomb-too-many", 2**28)):
        body = chunk(b"IDAT", zeros(size))
        yield f"png-{name}", PNG + chunk(b"IHDR", head) + body + chunk(b"IEND", b"")
    yield "png-many-idat", PNG + chunk(b"IHDR", head) + chunk(b"IDAT", b"") * 50_000
    row = b"\0" + bytes(48)
    for interlace in (0, 1, 2, 255):
        yield f"png-interlace-{interlace}", png(16, 16, pixels=row * 8, interlace=interlace)
    for depth in (0, 1, 3, 16, 255):
        for colour in (0, 1, 3, 6, 255):
            yield f"png-{depth}-{colour}", png(16, 16, depth=depth, colour=colour, pixels=row * 16)
    for colours in (0, 1, 2, 3, 767, 768, 771):
        palette = chunk(b"PLTE", bytes(colours)), chunk(b"tRNS", bytes(300))
        indices = bytes(range(1, 18)) * 16
        yield f"png-palette-{colours}", png(16, 16, *palette, colour=3, pixels=indices)
    control = chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))
    frame = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, 2**30, 2**30, 5, 5, 0, 0, 9, 9))
    yield "png-frames-that-lie", png(16, 16, control, *[frame] * many, pixels=row * 16)


def _tiffs() -> Iterator[tuple[str, bytes]]:
    usual, pixels = usual_tags(16, 16), bytes(256)
    for tag in (*usual, 266, 284, 317, 320, 322, 324, 330, 338, 339, 347, 34665, 34675, 700):
        for value in (0, 2, 9, 255, 65535, 2**31 - 1, 2**32 - 1):
            yield f"tiff-{tag}-{value}", tiff({**usual, tag: long(value)}, pixels)
        yield f"tiff-{tag}-many", tiff({**usual, tag: (3, 2**32 - 1, b"\x08\0\0\0")}, pixels)
        yield f"tiff-{tag}-odd", tiff({**usual, tag: (99, 1, b"\xff" * 4)}, pixels)
    for packing in (2, 3, 4, 5, 6, 7, 8, 32773, 34712, 34925, 50000, 50001):
        yield f"tiff-packing-{packing}", tiff({**usual, 259: long(packing)}, b"\x80" * 4096)
    strips = {**usual, 273: (4, 2**28, b"\x08\0\0\0"), 279: (4, 2**28, b"\x08\0\0\0"), 278: long(1)}
    yield "tiff-strips", tiff(strips, pixels)
    yield "tiff-loop", tiff(usual, pixels, following=8)
    yield "tiff-loop-within", tiff({**usual, 330: long(8), 34665: long(8)}, pixels)
    yield "tiff-no-tags", tiff({}, pixels)
    yield "tiff-all-tags", tiff({n: long(n) for n in range(256, 3000)}, pixels)


def _gifs() -> Iterator[tuple[str, bytes]]:
    yield "gif-canvas", gif((65535, 65535), [(0, 0, 1, 1)])
    yield "gif-frame-outside", gif((16, 16), [(60000, 60000, 16, 16)])
    yield "gif-frame-beyond", gif((16, 16), [(0, 0, 65535, 65535)])
    yield "gif-frames", gif((16, 16), [(0, 0, 16, 16)] * 5000)
    yield "gif-no-frame", gif((16, 16), [])
    for bits in (0, 1, 9, 12, 13, 255):
        yield f"gif-codes-{bits}", gif((16, 16), [(0, 0, 16, 16)], bits)
    for kind in ("GIF", "WEBP", "PNG"):
        frames = [photo(16, 16).convert("L").rotate(turn) for turn in range(300)]
        yield f"{kind}-long", saved(frames[0], kind, save_all=True, append_images=frames[1:])


def _webps() -> Iterator[tuple[str, bytes]]:
    still = originals()["webp-plain"]
    picture = still[still.index(b"VP8 ") + 8 :]
    shown = struct.pack("<IIIII", 0, 0, 0, 0, 0)
    for side in (16, 16383, 16384, 2**24):
        for flags in (0, 2, 0x10, 0x3E, 0xFF):
            frame = b"ANMF", shown + b"VP8 " + struct.pack("<I", len(picture)) + picture
            chunks = canvas(side, side, flags), (b"ANIM", bytes(6)), frame
            yield f"webp-canvas-{side}-{flags}", riff(*chunks)
    for name in (b"ALPH", b"VP8L", b"VP8 ", b"ANMF", b"ICCP"):
        yield f"webp-{name.decode()}", riff(canvas(16, 16, 0xFF), (name, b"\xff" * 2000))


def _jpegs() -> Iterator[tuple[str, bytes]]:
    yield "jpeg-scans", scans(100)
    for marker in range(0xC0, 0x100):
        yield f"jpeg-marker-{marker:x}", b"\xff\xd8" + segment(marker, b"\xff" * 60)
        mid = originals()["jpeg-plain"]
        yield f"jpeg-marker-in-{marker:x}", mid[:400] + segment(marker, bytes(60)) + mid[400:]
    for components in (0, 1, 2, 4, 5, 255):
        size = struct.pack(">BHHB", 8, 16, 16, components) + b"\1\x44\0" * components
        yield f"jpeg-components-{components}", b"\xff\xd8" + segment(0xC0, size) + b"\xff\xd9"
    for transform in range(256):
        if transform % 51 in (0, 1, 2):
            adobe = b"Adobe\0\x64\0\0\0\0" + bytes((transform,))
            cmyk = originals()["jpeg-cmyk"]
            yield f"jpeg-adobe-{transform}", cmyk[:2] + segment(0xEE, adobe) + cmyk[2:]


def scans(count: int, side: int = 8000) -> bytes:
    """A progressive JPEG that walks through all of a large picture again and again, for nothing."""
    table = segment(0xDB, b"\0" + b"\1" * 64)
    frame = segment(0xC2, struct.pack(">BHHB", 8, side, side, 1) + b"\1\x11\0")
    codes = segment(0xC4, b"\x10" + b"\1" + bytes(15) + b"\xe0")
    scan = segment(0xDA, b"\1\1\0\1\x3f\0") + JPEG_EOB_RUN.replace(b"\xff", b"\xff\0")
    return b"\xff\xd8" + table + frame + codes + scan * count + b"\xff\xd9"
