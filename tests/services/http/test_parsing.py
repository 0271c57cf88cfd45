"""The parser by itself: however the bytes are cut, the requests are the same."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from wippy_trio.services.http.limits import Limits
from wippy_trio.services.http.parsing import Parser

REQUESTS = [
    b"GET /a?b=c HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX: y\r\n\r\nhello",
    (
        b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3;x=y\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nT: u\r\n\r\n"
    ),
    b"\r\nHEAD http://a/d HTTP/1.1\r\nHost: a\r\n\r\n",
    (
        b"POST /e HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n"
        b"Content-Length: 27\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\nx"
    ),
    b"GET /f HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
]


def seen(pieces: list[bytes]) -> Any:
    parser = Parser(Limits())
    for piece in pieces:
        parser.feed(piece)
    return parser.fault and parser.fault[0], [
        (r.method, r.target, b"".join(r.body), r.complete, r.keep_alive, r.length)
        for r in parser.ready
    ]


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(at % (len(data) + 1) for at in cuts), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges) if end > start]


@given(
    st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=4),
    st.lists(st.integers(min_value=0), max_size=12),
)
def test_any_cut_gives_the_same_requests(
    requests: list[bytes], cuts: list[int]
) -> None:
    """Byte by byte, at once, or anything between."""
    data = b"".join(requests)
    whole = seen([data])
    assert whole[0] is None
    assert len(whole[1]) == len(requests)
    assert seen(cut(data, cuts)) == whole
    assert seen([bytes([byte]) for byte in data]) == whole


@given(st.binary(max_size=300), st.lists(st.integers(min_value=0), max_size=5))
def test_garbage_is_refused_or_waited_for(data: bytes, cuts: list[int]) -> None:
    """And after a fault nothing is taken any more."""
    parser = Parser(Limits())
    for piece in cut(b"GET / HTTP/1.1\r\n" + data, cuts):
        parser.feed(piece)
    if parser.fault is not None:
        before = len(parser.ready)
        parser.feed(REQUESTS[0])
        assert len(parser.ready) == before


@given(
    st.sampled_from(REQUESTS),
    st.integers(min_value=0),
    st.binary(min_size=1, max_size=3),
)
def test_a_changed_request_never_breaks_the_parser(
    request: bytes, at: int, change: bytes
) -> None:
    """It is refused, or it is another request."""
    at %= len(request)
    parser = Parser(Limits())
    parser.feed(request[:at] + change + request[at:])
    parser.feed(REQUESTS[0])
    for found in parser.ready:
        assert found.target[:1] in (b"/", b"*")
        assert sum(1 for name, _ in found.fields if name == b"host") <= 1


def test_very_many_upgrades_at_once() -> None:
    """They nest nothing."""
    fault, requests = seen([REQUESTS[5] * 2000])
    assert fault is None
    assert len(requests) == 2000
