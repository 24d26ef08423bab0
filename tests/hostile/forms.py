"""Containers written by hand, so that they can lie about anything."""

import struct
import zlib
from collections.abc import Iterable, Mapping

from tests.hostile.mutations import PNG, chunk

Tag = tuple[int, int, bytes]
"""A TIFF tag's type, its count, and its value (or the offset of that)."""


def png(
    width: int,
    height: int,
    *more: bytes,
    depth: int = 8,
    colour: int = 2,
    interlace: int = 0,
    pixels: bytes = b"",
) -> bytes:
    """A PNG of these pixels, with `more` chunks before them."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace)
    body = zlib.compress(pixels, 9)
    return b"".join(
        (PNG, chunk(b"IHDR", head), *more, chunk(b"IDAT", body), chunk(b"IEND", b"")),
    )


def zeros(size: int) -> bytes:
    """So many zeros, deflated without ever being whole in memory."""
    packer, part = zlib.compressobj(1), bytes(2**20)
    packed = [packer.compress(part) for _ in range(size // 2**20)]
    return b"".join((*packed, packer.compress(bytes(size % 2**20)), packer.flush()))


def tiff(tags: Mapping[int, Tag], after: bytes = b"", following: int = 0) -> bytes:
    """A little-endian TIFF of one directory. `after` begins at offset `8 + 2 + 12 * tags + 4`."""
    entries = b"".join(
        struct.pack("<HHI", number, kind, count & 0xFFFFFFFF) + value[:4].ljust(4, b"\0")
        for number, (kind, count, value) in sorted(tags.items())
    )
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)
    return b"II\x2a\0\x08\0\0\0" + directory + after


def long(value: int) -> Tag:
    return 4, 1, struct.pack("<I", value & 0xFFFFFFFF)


def usual_tags(width: int, height: int, **_: int) -> dict[int, Tag]:
    """A grey picture whose only strip follows the directory."""
    start = 8 + 2 + 12 * 9 + 4
    return {
        256: long(width),
        257: long(height),
        258: long(8),
        259: long(1),
        262: long(1),
        273: long(start),
        277: long(1),
        278: long(height),
        279: long(width * height),
    }


def segment(marker: int, body: bytes) -> bytes:
    """A JPEG segment."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def bmp(width: int, height: int, bits: int = 24, packing: int = 0, **fields: int) -> bytes:
    """A BMP's head, with four bytes of pixels for every row that it could have in 4 KB."""
    info = struct.pack(
        "<IiiHHIIiiII",
        *(fields.get("size", 40), width, height, 1, bits, packing),
        *(fields.get("bytes", 0), 0, 0, fields.get("colours", 0), 0),
    )
    start = fields.get("start", 14 + len(info))
    return struct.pack("<2sIHHI", b"BM", 54 + 4096, 0, 0, start) + info + b"\1" * 4096


def gif(
    screen: tuple[int, int], frames: Iterable[tuple[int, int, int, int]], bits: int = 2
) -> bytes:
    """A GIF of these frames (left, top, width, height), each with a few bytes of codes."""
    body = b"".join(
        b"," + struct.pack("<HHHHB", *frame, 0) + bytes((bits,)) + b"\x02\x4c\x01\0"
        for frame in frames
    )
    head = b"GIF89a" + struct.pack("<HHBBB", *screen, 0x80, 0, 0)
    return head + b"\0\0\0\xff\xff\xff" + body + b";"


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    """A WebP of these chunks."""
    body = b"WEBP" + b"".join(
        name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
        for name, data in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def canvas(width: int, height: int, flags: int = 0) -> tuple[bytes, bytes]:
    """A WebP's `VP8X` chunk."""
    sides = ((side - 1) & 0xFFFFFF for side in (width, height))
    return b"VP8X", bytes((flags, 0, 0, 0)) + b"".join(side.to_bytes(3, "little") for side in sides)
