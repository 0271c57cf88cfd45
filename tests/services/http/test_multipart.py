"""Forms: RFC 7578, RFC 2046 5.1; modules-io 8.4."""

from __future__ import annotations

import itertools
from typing import Any, BinaryIO

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from wippy_trio.errors import Error, InternalError, InvalidError
from wippy_trio.modules.http.multipart import (
    MOST_PARTS,
    Begin,
    Data,
    Form,
    Splitter,
    boundary_of,
    read_form,
)


def parts_of(body: bytes, boundary: bytes, cuts: list[int]) -> list[tuple[Any, bytes]]:
    """Push a body in pieces; give headers and content of each part."""
    splitter = Splitter(boundary)
    parts: list[tuple[Any, bytes]] = []
    edges = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    for start, end in itertools.pairwise(edges):
        for event in splitter.push(body[start:end]):
            if isinstance(event, Begin):
                parts.append((event.headers, b""))
            elif isinstance(event, Data):
                parts[-1] = (parts[-1][0], parts[-1][1] + event.data)
    assert splitter.done
    return parts


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.lists(
                st.sampled_from([b"\r\n", b"--", b"bo", b"und", b"-", b"\r", b"x"])
            ).map(b"".join),
        ),
        max_size=5,
    ),
    st.lists(st.integers(min_value=0), max_size=8),
)
def test_any_content_in_any_pieces(contents: list[bytes], cuts: list[int]) -> None:
    """What went in comes out, wherever the body was cut."""
    boundary = b"bound"
    contents = [c for c in contents if b"\r\n--bound" not in b"\r\n" + c]
    body = b"preamble\r\n" if cuts else b""
    for number, content in enumerate(contents):
        body += b"--bound\r\nContent-Disposition: form-data; name=%d\r\n\r\n" % number
        body += content + b"\r\n"
    body += b"--bound--\r\nepilogue"
    got = parts_of(body, boundary, cuts)
    assert [content for _, content in got] == contents


def read(body: bytes, boundary: str = "b", memory: int = 1000, size: int = 7) -> Form:
    opened: list[BinaryIO] = []

    async def main() -> Form:
        rest = body

        async def piece() -> bytes:
            nonlocal rest
            data, rest = rest[:size], rest[size:]
            await trio.lowlevel.checkpoint()
            return data

        return await read_form(piece, boundary.encode(), memory, opened.append)

    try:
        return trio.run(main)
    finally:
        for file in opened:
            if not hasattr(file, "getvalue"):
                file.close()


def part(name: str, content: str, more: str = "", head: str = "") -> str:
    return (
        f'--b\r\nContent-Disposition: form-data; name="{name}"{more}\r\n{head}\r\n'
        f"{content}\r\n"
    )


def test_values_and_files() -> None:
    """A field that comes twice is a list; a file has its name, size and headers."""
    body = (
        part("a", "1")
        + part("a", "2")
        + part("e", "")
        + part("f", "hello", '; filename="C:\\\\dir\\\\x.txt"', "X-Y: z\r\n")
        + part("f", "again", '; filename="y \\"q\\".txt"')
        + part("n", "no file", '; filename=""')
        + "--b--\r\n"
    )
    form = read(body.encode())
    assert form.values == {"a": [b"1", b"2"], "e": b"", "n": b"no file"}
    first, second = form.files["f"]
    assert (first.name(), first.size(), first.header("x-y")) == ("x.txt", 5, "z")
    assert second.name() == 'y "q".txt'


def test_large_files_leave_the_memory() -> None:
    """Beyond the limit a file goes to a temporary one, small ones stay."""
    body = part("f", "x" * 30, "; filename=a") + part("g", "y" * 5000, "; filename=b")
    form = read((body + "--b--").encode(), memory=1000, size=64)
    small, large = form.files["f"][0], form.files["g"][0]
    assert type(small._file).__name__ == "BytesIO"
    assert type(large._file).__name__ != "BytesIO"
    assert large.size() == 5000
    assert large._file.closed  # read() closed it, as the end of a request does


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("", "ended before"),
        ("--b\r\n", "ended before"),
        (part("a", "1"), "ended before"),
        ("--c\r\n\r\n--c--", "ended before"),
        ("--b\r\nnocolon\r\n\r\nx\r\n--b--", "no header"),
        ("--b\r\n: x\r\n\r\nx\r\n--b--", "no header"),
        ("--b\r\nA : x\r\n\r\nx\r\n--b--", "no header"),
        ("--b\r\nA: " + "x" * 20000 + "\r\n\r\n\r\n--b--", "headers are too long"),
        ((part("a", "") * (MOST_PARTS + 1)) + "--b--", "more than 1000 parts"),
    ],
)
def test_what_is_no_form_is_refused(body: str, text: str) -> None:
    """The text says why (modules-io 8.4: a parse failure is Internal)."""
    with pytest.raises(InternalError, match=text):
        read(body.encode(), size=4096)


def test_values_are_limited() -> None:
    """Ten megabytes of values are enough, whatever the memory for files is."""
    body = part("a", "x" * (10 * 1024 * 1024 + 1)) + "--b--"
    with pytest.raises(InternalError, match="values are too large"):
        read(body.encode(), size=1 << 20)


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "multipart/mixed; boundary=b", "multipart/form-data",
     "multipart/form-data; boundary=", "multipart/form-data; boundary=" + "x" * 71],
)  # fmt: skip
def test_other_content_types_are_refused(content_type: str) -> None:
    """They are Invalid (modules-io 8.4)."""
    with pytest.raises(InvalidError):
        boundary_of(content_type)


def test_boundaries_may_be_quoted() -> None:
    """RFC 9110 5.6.6."""
    assert boundary_of('Multipart/Form-Data; x=y; boundary="a b;c"') == b"a b;c"


@given(st.binary(max_size=200))
def test_garbage_never_breaks_the_parser(body: bytes) -> None:
    """It is refused or read, and nothing else happens."""
    splitter = Splitter(b"b")
    try:
        for _ in splitter.push(b"--b" + body):
            pass
    except Error:
        pass
