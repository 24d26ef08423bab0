"""What is done to a real picture to make it a hostile one. All is drawn from a seed."""

import struct
import zlib
from collections.abc import Callable
from random import Random

Mutation = Callable[[bytes, Random], bytes]

EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
PNG = b"\x89PNG\r\n\x1a\n"


def flip_bits(data: bytes, dice: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.choice((1, 3, 20))):
        changed[dice.randrange(len(changed))] ^= 1 << dice.randrange(8)
    return bytes(changed)


def flip_the_head(data: bytes, dice: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.choice((1, 4))):
        changed[dice.randrange(min(120, len(changed)))] = dice.choice((0, 1, 0x7F, 0x80, 0xFF))
    return bytes(changed)


def blow_up_a_length(data: bytes, dice: Random) -> bytes:
    """A number of two or four bytes, in either order, becomes an extreme one."""
    form = dice.choice(("<H", ">H", "<I", ">I"))
    size = struct.calcsize(form)
    at = dice.randrange(max(1, min(len(data) - size, 400)))
    number = dice.choice(EXTREMES) & (256**size - 1)
    return data[:at] + struct.pack(form, number) + data[at + size :]


def cut(data: bytes, dice: Random) -> bytes:
    return data[: dice.randrange(1, len(data))]


def cut_out(data: bytes, dice: Random) -> bytes:
    start = dice.randrange(len(data))
    return data[:start] + data[start + dice.randrange(1, 200) :] or b"\0"


def repeat(data: bytes, dice: Random) -> bytes:
    """A piece of it comes again and again."""
    start = dice.randrange(len(data))
    piece = data[start : start + dice.randrange(1, 300)]
    return data[:start] + piece * dice.choice((2, 10, 500)) + data[start:]


def insert(data: bytes, dice: Random) -> bytes:
    at = dice.randrange(len(data))
    return data[:at] + dice.randbytes(dice.randrange(1, 64)) + data[at:]


def swap(data: bytes, dice: Random) -> bytes:
    """Two pieces change places."""
    first, second, third, fourth = sorted(dice.randrange(len(data) + 1) for _ in range(4))
    return (
        data[:first] + data[third:fourth] + data[second:third] + data[first:second] + data[fourth:]
    )


def shuffle_parts(data: bytes, dice: Random) -> bytes:
    """PNG chunks, JPEG segments or RIFF chunks in another order, some lost, some doubled."""
    start, parts = _parts(data)
    if len(parts) < 2:
        return swap(data, dice)
    drawn = dice.choices(parts, k=len(parts))
    kept = parts[:1] if dice.random() < 0.7 else []
    return start + b"".join([*kept, *drawn])


def mend_sums(data: bytes, dice: Random) -> bytes:
    """Bits flipped inside of PNG chunks whose sums are right, so that they are believed."""
    start, parts = _parts(data)
    if start != PNG:
        return flip_bits(data, dice)
    changed = [flip_bits(part, dice) if dice.random() < 0.5 else part for part in parts]
    bodies = [part[4:-4] for part in changed if len(part) > 12]
    return start + b"".join(chunk(body[:4], body[4:]) for body in bodies)


def chunk(name: bytes, body: bytes) -> bytes:
    """A PNG chunk."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _parts(data: bytes) -> tuple[bytes, list[bytes]]:
    if data.startswith(PNG):
        return PNG, _split(data, 8, ">I", 0, 12)
    if data.startswith(b"\xff\xd8"):
        return data[:2], _split(data, 2, ">H", 2, 2)
    if data.startswith(b"RIFF"):
        return data[:12], _split(data, 12, "<I", 4, 8)
    return b"", []


def _split(data: bytes, start: int, form: str, place: int, extra: int) -> list[bytes]:
    """Pieces that have their length at some place, and are longer than that by `extra`."""
    parts = []
    while start + place + struct.calcsize(form) <= len(data):
        (length,) = struct.unpack_from(form, data, start + place)
        parts.append(data[start : start + length + extra])
        start += length + extra
    return parts


MUTATIONS: tuple[Mutation, ...] = (
    *(flip_bits, flip_the_head, blow_up_a_length, cut, cut_out),
    *(repeat, insert, swap, shuffle_parts, mend_sums),
)
