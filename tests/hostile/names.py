"""Names for files that no careful person would choose."""

ODD = (
    *("con", "NUL.jpg", "aux.", "-rf", "a b", " leading", "trailing ", "tab\there", "a\nb.jpg"),
    *(
        "a\r\nSet-Cookie: x=1.jpg",
        "\u202egpj.exe",
        "\u2066a\u2069.jpg",
        "🎨.png",
        "画.jpg",
        "e\u0301",
    ),
    *("%2e%2e%2fetc%2fpasswd", "%00.jpg", "a%b", "a+b", "a?b#c", "a&b=c", 'a"b', "a'b", "a\\b"),
    *("a\\..\\x.jpg", "a;b|c`d$(e)", "<img src=x onerror=alert(1)>.jpg", "${jndi:x}", "{{7*7}}"),
    *("a" * 255, "界" * 85, "a" * 252, "\x01\x1b[31m", "\u0085", "\u2028", "\ufeff", "a..b", "*"),
)
"""What a disk takes as a name."""

WORSE = ("../../etc/passwd", "/etc/passwd", "a/b", "..", ".", "a\0b", "\0", "é" * 255)
"""What only a client can say that it is called."""

NO_UTF8 = (b"\xff\xfe.jpg", b"a\x80b", b"\xed\xa0\x80.jpg")
