"""The heads of messages: what a request is to the application, how a response begins.

Source: RFC 9110, RFC 9112; the ASGI specification.
"""

from __future__ import annotations

import time
from email.utils import formatdate
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote_to_bytes

from wippy_trio.errors import InternalError

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from wippy_trio.services.http.parsing import RequestHead

__all__ = ["Head", "date_field", "request_scope", "response_head", "status_line"]

_REASONS = {
    status.value: b"HTTP/1.1 %d %s\r\n" % (status.value, status.phrase.encode())
    for status in HTTPStatus
}
_date: tuple[int, bytes] = (0, b"")


class Head(NamedTuple):
    """The head of a response, and what it says.

    Attributes:
      framing: How the body is framed: ``chunked``, ``length``, ``close`` or ``none``.
      left: With ``length``: how many bytes the body has.
      closing: Whether the connection ends with the response.
      data: The head itself.
    """

    framing: str
    left: int
    closing: bool
    data: bytes


def status_line(status: int) -> bytes:
    """Write the first line of a response."""
    return _REASONS.get(status) or b"HTTP/1.1 %d \r\n" % status


def date_field() -> bytes:
    """Write the Date field; once a second."""
    global _date  # noqa: PLW0603 - one date for the whole program
    now = int(time.time())
    if now != _date[0]:
        text = formatdate(now, usegmt=True).encode()
        _date = now, b"date: " + text + b"\r\n"
    return _date[1]


def request_scope(
    request: RequestHead,
    kind: str,
    *,
    secure: bool,
    client: tuple[str, int] | None,
    local: tuple[str, int] | None,
) -> dict[str, Any]:
    """Describe a request to an ASGI application."""
    raw, _, query = request.target.partition(b"?")
    path = raw if b"%" not in raw else unquote_to_bytes(raw)
    scope: dict[str, Any] = {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": request.version,
        "method": request.method,
        "scheme": "https" if secure else "http",
        "path": path.decode("utf-8", "replace"),
        "raw_path": raw,
        "query_string": query,
        "root_path": "",
        "headers": request.fields,
        "client": client,
        "server": local,
    }
    if kind == "websocket":
        scope["scheme"] = "wss" if secure else "ws"
        scope["extensions"] = {"websocket.http.response": {}}
        del scope["method"]
    return scope


def response_head(
    request: RequestHead,
    start: MutableMapping[str, Any],
    body: bytes,
    *,
    last: bool,
    closing: bool,
) -> Head:
    """Choose how the body of a response is framed, and write its head.

    Args:
      request: What is answered.
      start: The application's message.
      body: The first piece of the body.
      last: Whether it is the only one.
      closing: Whether the connection ends with the response anyway.

    Raises:
      InternalError: The application's headers make no sense.
    """
    status: int = start["status"]
    length: int | None = None
    left = 0
    out = [status_line(status)]
    dated = False
    for name, value in start.get("headers", ()):
        if name == b"content-length":
            if not value.isdigit() or length not in (None, int(value)):
                raise InternalError(f"Content-Length: wanted one number, got {value!r}")
            length = int(value)
            continue
        if name in (b"transfer-encoding", b"connection", b"keep-alive", b"upgrade"):
            if name == b"connection" and b"close" in value.lower():
                closing = True
            continue
        if name == b"date":
            dated = True
        out.append(b"%b: %b\r\n" % (name, value))
    if not dated:
        out.append(date_field())
    if request.method == "HEAD" or status in (204, 304) or status < 200:
        framing = "none"
        if length is not None and status != 204:
            out.append(b"content-length: %d\r\n" % length)
    elif length is not None or last:
        framing = "length"
        left = len(body) if length is None else length
        if len(body) > left:
            raise InternalError("the body is longer than its Content-Length")
        out.append(b"content-length: %d\r\n" % left)
    elif request.version == "1.1":
        framing = "chunked"
        out.append(b"transfer-encoding: chunked\r\n")
    else:
        framing = "close"
        closing = True
    if closing:
        out.append(b"connection: close\r\n")
    elif request.version == "1.0":
        out.append(b"connection: keep-alive\r\n")
    out.append(b"\r\n")
    head = b"".join(out)
    # One line break a piece: whatever made the headers, none has one inside.
    breaks = head.count(b"\n"), head.count(b"\r")
    if breaks != (len(out), len(out)) or b"\0" in head:
        raise InternalError("a response header has a line break in it")
    return Head(framing, left, closing, head)
