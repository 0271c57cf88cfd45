"""What a strange request gets: a status, or the end of the connection."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.services.http.asgi import open_server

FILE = Path(__file__).with_name("malformed.txt")
REPEAT = re.compile(r"<([^<>]*)\*(\d+)>")


def lines() -> list[Any]:
    cases = []
    for number, line in enumerate(FILE.read_text("utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        found = re.fullmatch(r"(-|\d{3}(?: \d{3})*)(?: (.*))?", line)
        assert found is not None, f"{FILE.name}:{number}"
        wanted = [] if found[1] == "-" else [int(code) for code in found[1].split()]
        text = found[2] or ""
        cases.append(pytest.param(wanted, text, id=f"{number}:{text[:40]!r}"))
    return cases


def octets(text: str) -> bytes:
    while REPEAT.search(text):
        text = REPEAT.sub(lambda found: found[1] * int(found[2]), text)
    text = text.replace("^", "\\r\\n")
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1")


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close"})
        return
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message["body"])
        if not message["more_body"]:
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"%d" % size})


@pytest.mark.parametrize(("wanted", "text"), lines())
async def test_strange_requests(wanted: list[int], text: str) -> None:
    """Each gets the statuses that its line wants, and then the connection ends."""
    data = octets(text)
    got = b""
    async with open_server(application) as server:
        stream = await trio.open_tcp_stream("127.0.0.1", server.port)
        async with stream, trio.open_nursery() as nursery:

            async def write() -> None:
                try:
                    await stream.send_all(data)
                    await stream.send_eof()
                except trio.BrokenResourceError:
                    pass  # refused before all of it was sent

            nursery.start_soon(write)
            with trio.fail_after(5):
                while piece := await stream.receive_some():
                    got += piece
        statuses = [int(code) for code in re.findall(rb"HTTP/1\.1 (\d{3}) ", got)]
        assert statuses == wanted, got[:300]
        with trio.fail_after(5):
            await server.wait_idle()


def test_the_corpus_is_large() -> None:
    """It has grown, not shrunk."""
    assert len(lines()) > 280
