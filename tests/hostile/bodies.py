"""Bodies that no client of ours sends: values, objects and documents beyond the schema."""

import gzip
import json
from collections.abc import Callable
from random import Random

DEEP = 100_000
VALUES: tuple[bytes, ...] = (
    *(b"1e400", b"-1e400", b"NaN", b"Infinity", b"-Infinity", b"-0", b"-0.0", b"1E+2", b"0x10"),
    *(b"9" * 5000, b"-" + b"9" * 400, b"0." + b"1" * 5000, b"1e-400", b"18446744073709551616"),
    *(b"true", b"false", b"null", b"[]", b"{}", b'""', b"[[]]", b'{"":{}}', b"01", b"+1", b".5"),
    *(b'"\\u0000"', b'"a\\u0000b"', b'"\x00"', b'"\x1b[31m"', b'"\n"', b'"\\n\\r\\t"'),
    *(b'"\\ud800"', b'"\\udc00\\ud800"', b'"\xed\xa0\x80"', b'"\xff\xfe"', b'"\xc0\x80"'),
    *('"\u202egpj.exe"'.encode(), '"\u2066\u2069"'.encode(), '"\ufeff"'.encode()),
    *(b'"../../etc/passwd"', b'"..%2f..%2f"', b'"file:///etc/passwd"', b'"${jndi:ldap://x}"'),
    *(b'"\' OR 1=1 --"', b'"attribute_exists(pk)"', b'{"S":"x"}', b'{"$ne":null}'),
    *(b'"http://169.254.169.254/"', b'"https://[::ffff:7f00:1]/"', b'"https://a:b@x/"'),
    *(b'"https://\\u0000/"', b'"https://xn--a/"', b'"javascript:alert(1)"', b'"//x"'),
    b'"<script>alert(1)</script>"',
    b'"{{7*7}}%s%n{0.__class__}"',
    b'{"upload":"00000000000000000000000000"}',
    b'{"upload":{"upload":{"upload":null}}}',
    b'{"url":"https://x/","upload":"00000000000000000000000000"}',
    b'{"__proto__":{"x":1},"__class__":"x"}',
    b"[" * 31 + b"]" * 31,
    b"[" * 33 + b"]" * 33,
    b'{"a":' * 500 + b"1" + b"}" * 500,
)
LENGTHS = (1, 63, 64, 65, 128, 129, 255, 256, 512, 513, 2048, 2049, 4000, 4001, 20_000, 70_000)
LETTERS = ("a", "é", "猫", "𝒳", "\u202e", "'", "\\u0000", "e\u0301", "%00", "https://")

JOB = {
    "model": "plain",
    "input": {"text": "a cat"},
    "params": {"steps": 1},
    "seed": 1,
    "count": 1,
    "webhook": "https://example.invalid/hook",
    "start_within": 60,
    "finish_within": 60,
    "metadata": {"note": "x"},
}
UPLOAD = {"content_type": "image/png", "size": 10, "filename": "a.png", "job": JOB}


def value(random: Random) -> bytes:
    """JSON text, or nearly, of one value."""
    if random.random() < 0.25:
        letter, length = random.choice(LETTERS), random.choice(LENGTHS)
        return f'"{letter * length}"'.encode()[:240_000]
    return random.choice(VALUES)


def broken_object(random: Random, sound: object) -> bytes:
    """The object with some of its fields, at any depth, replaced, doubled or added."""
    text = json.dumps(sound).encode()
    fields = _fields(sound)
    for field in random.sample(fields, random.randint(1, 2)):
        name, held = json.dumps(field[0]).encode(), json.dumps(field[1]).encode()
        other = random.choice((_replaced, _replaced, _doubled, _renamed))(name, held, random)
        text = text.replace(name + b": " + held, other, 1)
    return text


def _fields(sound: object) -> list[tuple[str, object]]:
    if not isinstance(sound, dict):
        return []
    return [*sound.items(), *(one for held in sound.values() for one in _fields(held))]


def _replaced(name: bytes, held: bytes, random: Random) -> bytes:
    return name + b": " + value(random)


def _doubled(name: bytes, held: bytes, random: Random) -> bytes:
    return name + b": " + held + b", " + name + b": " + value(random)


def _renamed(name: bytes, held: bytes, random: Random) -> bytes:
    key = value(random)
    return (key if key.startswith(b'"') else b'"' + key.replace(b'"', b"") + b'"') + b": " + held


def document(random: Random, sound: object) -> bytes:
    """A whole body that is wrong as such."""
    return random.choice(DOCUMENTS)(json.dumps(sound), random)


DOCUMENTS: tuple[Callable[[str, Random], bytes], ...] = (
    lambda text, _: b"[" * DEEP + b"]" * DEEP,
    lambda text, _: b'{"a":' * (DEEP // 4),
    lambda text, _: b'{"input":' + b"[" * DEEP + b"]" * DEEP + b"}",
    lambda text, _: text.encode("utf-16"),
    lambda text, _: text.encode("utf-16-be"),
    lambda text, _: text.encode("utf-32"),
    lambda text, _: text.replace("cat", "ü").encode("latin-1"),
    lambda text, _: text.replace('"', "＂").encode("utf-7"),
    lambda text, _: b"\xef\xbb\xbf" + text.encode(),
    lambda text, _: gzip.compress(text.encode(), mtime=0),
    lambda text, random: text.encode()[: random.randrange(len(text))],
    lambda text, _: text.encode() + b"\x00",
    lambda text, _: text.encode() * 2,
    lambda text, _: b"[" + text.encode() + b"]",
    lambda text, _: text.replace('"', "'").encode(),
    lambda text, _: b"/* x */" + text.encode(),
    lambda text, _: b"model=plain&input=x",
    lambda text, _: b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///x">]><a>&b;</a>',
    lambda text, _: b" " * 200_000 + text.encode(),
    lambda text, _: text.encode() + b" " * 300_000,
    lambda text, _: b'{"' + b"k" * 250_000 + b'":1}',
    lambda text, _: b"{" + b",".join(b'"%d":1' % n for n in range(20_000)) + b"}",
    lambda text, _: b'{"params":[' + b"1e9," * 50_000 + b"1]}",
    lambda text, random: random.randbytes(random.randrange(1, 3000)),
    lambda text, random: value(random),
)
