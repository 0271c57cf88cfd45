"""Files: modules-io 8.7, RFC 9110 13 and 14."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.services.http.application import Application, play
from wippy_trio.services.http.files import content_type_of
from wippy_trio.services.http.ranges import (
    Range,
    http_date,
    not_modified,
    parse_ranges,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("bytes=0-4", [Range(0, 5)]),
        ("bytes=5-", [Range(5, 10)]),
        ("bytes=-3", [Range(7, 10)]),
        ("bytes=-30", [Range(0, 10)]),
        ("bytes=0-99", [Range(0, 10)]),
        ("Bytes = 0-0", [Range(0, 1)]),
        ("bytes=0-1, 4-5", [Range(0, 2), Range(4, 6)]),
        ("bytes=0-1,,4-5", [Range(0, 2), Range(4, 6)]),
        ("bytes=10-", []),
        ("bytes=20-30", []),
        ("bytes=-0", []),
        ("bytes=9-, 10-", [Range(9, 10)]),
        ("bytes=", []),
        ("bytes=a-b", None),
        ("bytes=-", None),
        ("bytes=5-2", None),
        ("bytes=1", None),
        ("bytes=1-2-3", None),
        ("bytes=+1-2", None),
        ("bytes=1-2x", None),
        ("lines=0-1", None),
        ("0-1", None),
        ("bytes=0-,0-,0-", None),
        ("bytes=" + ",".join("0-0" for _ in range(17)), None),
        ("bytes=0-" + "9" * 30, None),
    ],
)
def test_ranges(header: str, wanted: list[Range] | None) -> None:
    """Of ten bytes; nothing is 416, None the whole."""
    assert parse_ranges(header, 10) == wanted


@given(st.text(max_size=30), st.integers(0, 1000))
def test_any_header_is_read(text: str, size: int) -> None:
    """What comes out lies in the file and is never more than it."""
    found = parse_ranges("bytes=" + text, size)
    for part in found or ():
        assert 0 <= part.start < part.end <= size
    assert sum(r.end - r.start for r in found or ()) <= size


@pytest.mark.parametrize(
    ("none_match", "since", "same"),
    [
        (None, None, False),
        ("*", None, True),
        ('"a"', None, True),
        ('W/"a"', None, True),
        ('"b", W/"a"', None, True),
        ('"b"', None, False),
        ('"b"', http_date(2000), False),  # a tag beats a date
        (None, http_date(1000), True),
        (None, http_date(999), False),
        (None, "nonsense", False),
        (None, "Thu, 99 Xyz 1970 99:99:99 GMT", False),
    ],
)
def test_conditions(none_match: str | None, since: str | None, same: bool) -> None:
    """RFC 9110 13.2.2, for a file of the time 1000 and the tag a."""
    assert not_modified(none_match, since, 'W/"a"', 1000) is same


def test_content_types() -> None:
    """By the name alone, the same on every machine."""
    assert content_type_of("a.html") == "text/html; charset=utf-8"
    assert content_type_of("a.js") == "text/javascript; charset=utf-8"
    assert content_type_of("a.json") == "application/json; charset=utf-8"
    assert content_type_of("a.png") == "image/png"
    assert content_type_of("a.woff2") == "font/woff2"
    assert content_type_of("a.wasm") == "application/wasm"
    assert content_type_of("a.tar.gz") == "application/gzip"
    assert content_type_of("a") == "application/octet-stream"


ENTRIES = """
  - {name: files, kind: fs.directory, directory: FOLDER}
  - name: assets
    kind: http.static
    meta: {server: gateway}
    path: /static
    fs: files
    static_options: {cache: "public, max-age=60"}
    options: {mime_types: {.x: a/b}, compress.min.length: 100}
    middleware: [compress]
  - name: app
    kind: http.static
    meta: {server: gateway}
    path: /
    fs: app:files
    options: {spa: "true", index: index.html}
"""


def static(tmp_path: Path, scene: Any, entries: str = ENTRIES) -> None:
    files = tmp_path / "files"
    (files / "sub").mkdir(parents=True)
    (files / "bare").mkdir()
    (files / "index.html").write_text("<p>index</p>")
    (files / "sub/index.html").write_text("<p>sub</p>")
    (files / "big.txt").write_bytes(b"0123456789" * 100_000)
    (files / "small.txt").write_text("small é")
    (files / "with space.txt").write_text("space")
    os.utime(files / "small.txt", (1_000_000_000, 1_000_000_000))
    (tmp_path / "secret.txt").write_text("secret")
    (files / "link.txt").symlink_to(tmp_path / "secret.txt")
    play(
        tmp_path,
        scene,
        {"f": 'http.response():write("endpoint")'},
        routes={"f": "GET /static/f"},
        entries=entries.replace("FOLDER", str(files)),
    )


def test_files_below_a_prefix(tmp_path: Path) -> None:
    """Types, validators, ranges, folders, what is not there, what is outside."""

    async def scene(app: Application) -> None:
        async with app.client() as client:

            async def get(path: str, **headers: str) -> Any:
                named = {k.replace("_", "-"): v for k, v in headers.items()}
                return await client.request("GET", path, headers=named)

            answer = await get("/static/small.txt")
            assert answer.text == "small é"
            assert answer.headers["content-type"] == "text/plain; charset=utf-8"
            assert answer.headers["cache-control"] == "public, max-age=60"
            modified = answer.headers["last-modified"]
            assert modified == "Sun, 09 Sep 2001 01:46:40 GMT"
            assert (await get("/static/f")).text == "endpoint"  # routes first (8.2)
            for condition in (
                {"If_Modified_Since": modified},
                {"If_None_Match": answer.headers["etag"]},
            ):
                again = await get("/static/small.txt", **condition)
                assert (again.status, again.body) == (304, b"")
                assert again.headers["cache-control"] == "public, max-age=60"
            answer = await client.request("HEAD", "/static/big.txt")
            assert answer.headers["content-length"] == "1000000"
            assert len((await get("/static/big.txt")).body) == 1_000_000
            answer = await get("/static/big.txt", Range="bytes=999995-")
            assert (answer.status, answer.body) == (206, b"56789")
            assert answer.headers["content-range"] == "bytes 999995-999999/1000000"
            answer = await get("/static/big.txt", Range="bytes=0-1,5-6")
            assert answer.status == 206
            kind = answer.headers["content-type"]
            assert kind.startswith("multipart/byteranges; boundary=")
            boundary = kind.partition("=")[2]
            parts = answer.text.split(f"--{boundary}")
            assert len(parts) == 4
            assert parts[1].endswith("\r\n\r\n01\r\n")
            assert "content-range: bytes 5-6/1000000" in parts[2]
            answer = await get("/static/big.txt", Range="bytes=2000000-")
            assert answer.status == 416
            assert answer.headers["content-range"] == "bytes */1000000"
            answer = await get(
                "/static/small.txt", Range="bytes=0-1", If_Range=modified
            )
            assert answer.status == 206
            answer = await get(
                "/static/small.txt", Range="bytes=0-1", If_Range='"other"'
            )
            assert answer.status == 200
            answer = await get("/static/big.txt", Accept_Encoding="gzip")
            assert answer.headers["content-encoding"] == "gzip"
            assert len(answer.body) < 10_000
            assert (await get("/static/with%20space.txt")).text == "space"
            assert (await get("/static/sub/")).text == "<p>sub</p>"
            answer = await get("/static/sub?x=1")
            assert answer.status == 301
            assert answer.headers["location"] == "/static/sub/?x=1"
            for path in (
                "/static/none",
                "/static/bare/",
                "/static/small.txt/",
                "/static/%2e%2e/secret.txt",
                "/static/..%2fsecret.txt",
                "/static/link.txt",
                "/static/a%00b",
            ):
                answer = await get(path)
                assert answer.status == 404, path
                assert "secret" not in answer.text
            answer = await client.request("POST", "/static/small.txt", b"")
            assert (answer.status, answer.headers["allow"]) == (
                405,
                "GET, HEAD, OPTIONS",
            )
            assert (await client.request("OPTIONS", "/static/x")).status == 204

    static(tmp_path, scene)


def test_single_page_applications(tmp_path: Path) -> None:
    """A file is served, everything else is the index, with 200 (8.7)."""

    async def scene(app: Application) -> None:
        async with app.client() as client:
            for path in ("/", "/any/route", "/none.js", "/bare/"):
                answer = await client.request("GET", path)
                assert (answer.status, answer.text) == (200, "<p>index</p>"), path
                assert answer.headers["content-type"] == "text/html; charset=utf-8"
            answer = await client.request("GET", "/small.txt")
            assert answer.text == "small é"

    static(tmp_path, scene)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ("path: x, fs: files", "wanted it to begin with /"),
        ("path: /x", "fs: wanted the id"),
        ("path: /x, fs: files, static_options: {spa: true}", "index file must be"),
        ("path: /x, fs: files, static_options: {spa: 3}", "spa: wanted"),
        ("path: /static, fs: files", "mount /static exists already"),
        ("path: /x, fs: nothing", "nothing"),
    ],
)
def test_bad_entries_are_refused(tmp_path: Path, fields: str, text: str) -> None:
    """The application does not start; the text says why."""

    async def scene(app: Application) -> None:
        raise AssertionError("it started")

    entry = f"  - {{name: b, kind: http.static, meta: {{server: gateway}}, {fields}}}\n"
    with pytest.raises(BaseExceptionGroup) as caught:
        static(tmp_path, scene, ENTRIES + entry)
    assert text in str(caught.value.exceptions[0])
