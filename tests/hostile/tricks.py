"""Files that are two things at once, and those whose side matters lie."""

import io
import struct
import zipfile
from collections.abc import Iterator

from tests.hostile.forms import png, segment, tiff, usual_tags
from tests.hostile.mutations import chunk
from tests.hostile.originals import originals, photo, profile, saved

SCRIPT = b"<!DOCTYPE html><script>alert(1)</script><?php system($_GET[0]) ?>"


def tricks() -> Iterator[tuple[str, bytes]]:
    """By name."""
    yield from _polyglots()
    yield from _exifs()
    yield from _profiles()
    yield from _nothings()


def _polyglots() -> Iterator[tuple[str, bytes]]:
    jpeg, plain = originals()["jpeg-plain"], originals()["png-plain"]
    yield "jpeg-zip", jpeg + _archive()
    yield "zip-jpeg", _archive() + jpeg
    yield "png-zip", plain + _archive()
    yield "gif-script", b"GIF89a/*" + originals()["gif-frames"][8:] + b"*/=1;alert(1)"
    yield "png-page", png(16, 16, chunk(b"tEXt", b"x\0" + SCRIPT)) + SCRIPT
    yield "jpeg-page", jpeg[:2] + segment(0xFE, SCRIPT) + jpeg[2:]
    yield "page-jpeg", SCRIPT + jpeg
    yield "pdf-jpeg", b"%PDF-1.7\n1 0 obj\nstream\n" + jpeg + b"\nendstream\n%%EOF"
    yield "jpeg-pdf", jpeg[:2] + segment(0xFE, b"%PDF-1.7\n") + jpeg[2:]
    yield "bmp-exe", b"BM" + b"MZ" + originals()["bmp-RGB"][4:]
    yield "tiff-jpeg", originals()["tiff-jpeg"] + jpeg
    for first in ("jpeg-plain", "png-plain", "webp-plain", "gif-frames", "tiff-big"):
        for second in ("png-plain", "gif-frames", "bmp-RGB"):
            yield f"{first}+{second}", originals()[first][:300] + originals()[second]
    for kind in (b"%PDF-", b"%!PS", b"8BPS\0\1", b"gimp xcf v011", b"<svg>", b"#?RADIANCE"):
        yield f"head-{kind[:5]!r}", kind + bytes(500)
    shown = b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>"
    yield "svg-file", shown
    bomb = b"<?xml version='1.0'?><!DOCTYPE l [<!ENTITY a 'aaaa'>"
    bomb += b"".join(b"<!ENTITY %c '%s'>" % (n + 1, b"&%c;" % n * 10) for n in range(97, 110))
    yield "svg-entities", bomb + b"]><svg>&n;</svg>"
    yield "eps-shell", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%id) (w) file\n"


def _archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("../../etc/passwd"), SCRIPT)
    return out.getvalue()


def _exifs() -> Iterator[tuple[str, bytes]]:
    for name, block in _directories():
        yield f"exif-jpeg-{name}", saved(photo(), "JPEG", exif=b"Exif\0\0" + block)
        yield f"exif-png-{name}", png(16, 16, chunk(b"eXIf", block), pixels=bytes(49 * 16))
        yield f"exif-webp-{name}", saved(photo(), "WEBP", exif=block)
    for orientation in (b"0", b"9", b"-1", b"6" * 5000, b"x", b"\xff"):
        words = b"<x:xmpmeta><rdf tiff:Orientation='" + orientation + b"'/></x:xmpmeta>"
        data = originals()["jpeg-progressive"]
        packet = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + words)
        yield f"xmp-{orientation[:3]!r}", data[:2] + packet + data[2:]


def _directories() -> Iterator[tuple[str, bytes]]:
    """EXIF, which is a TIFF without a picture."""
    for value in (0, 9, 255, 2**16, 2**32 - 1):
        word = struct.pack("<I", value)
        yield f"turned-{value}", tiff({0x112: (3, 1, word)})
        yield f"turned-often-{value}", tiff({0x112: (3, value, word)})
    for kind in (0, 2, 5, 7, 10, 12, 13, 16, 99):
        yield f"turned-as-{kind}", tiff({0x112: (kind, 1, b"\6\0\0\0")})
        yield f"huge-{kind}", tiff({0x10F: (kind, 2**31, b"\x08\0\0\0")})
    yield "loop", tiff({0x112: (3, 1, b"\6\0\0\0")}, following=8)
    for pointer in (0x8769, 0x8825, 0xA005, 0x14A):
        yield f"loop-{pointer:x}", tiff({pointer: (4, 1, b"\x08\0\0\0")})
        yield f"beyond-{pointer:x}", tiff({pointer: (4, 1, b"\xff\xff\xff\x7f")})
    yield "endless", b"II\x2a\0\x08\0\0\0\xff\xff" + struct.pack("<HHII", 0x112, 3, 1, 6) * 5000
    yield "cut", tiff(usual_tags(16, 16))[:40]
    yield "none", b""
    yield "words", b"no directory at all"


def _profiles() -> Iterator[tuple[str, bytes]]:
    real = profile()
    broken = {
        "short": real[:100],
        "size": b"\xff\xff\xff\xff" + real[4:],
        "tags": real[:128] + b"\xff\xff\xff\xff" + real[132:],
        "beyond": real[:136] + b"\x7f\xff\xff\xff" * 2 + real[144:],
        "space": real[:16] + b"CMYK" + real[20:],
        "lab": real[:16] + b"Lab " + real[20:],
        "15-inks": real[:16] + b"FCLR" + real[20:],
        "link": real[:12] + b"link" + real[16:],
        "version": real[:8] + b"\xff\0\0\0" + real[12:],
        "zeros": bytes(5000),
        "table": _table(real),
    }
    for name, data in broken.items():
        for mode, kind in (("RGB", "JPEG"), ("L", "PNG"), ("CMYK", "JPEG"), ("RGBA", "WEBP")):
            saved_as = saved(photo().convert(mode), kind, icc_profile=data)
            yield f"profile-{name}-{mode}-{kind}", saved_as
    data = originals()["jpeg-progressive"]
    for number, count in ((0, 1), (1, 0), (255, 255), (2, 1), (1, 255)):
        part = segment(0xE2, b"ICC_PROFILE\0" + bytes((number, count)) + real)
        yield f"profile-part-{number}-{count}", data[:2] + part * 2 + data[2:]


def _table(real: bytes) -> bytes:
    """A look-up table of 255 points in each of 15 directions: more than there are atoms."""
    table = b"mft2\0\0\0\0" + bytes((15, 3, 255, 0)) + bytes(36) + b"\xff\xff\xff\xff" + bytes(900)
    entry = struct.pack(">I4sII", 1, b"A2B0", 144, len(table))
    return struct.pack(">I", 144 + len(table)) + real[4:128] + entry + table


def _nothings() -> Iterator[tuple[str, bytes]]:
    yield "nothing", b""
    for byte in (0, 10, 0x42, 0x47, 0x89, 0xFF):
        yield f"one-{byte}", bytes((byte,))
        yield f"only-{byte}", bytes((byte,)) * 5_000_000
    for name, data in list(originals().items())[:24]:
        yield f"head-of-{name}", data[:16]
        yield f"head-and-zeros-{name}", data[:64] + bytes(10_000)
