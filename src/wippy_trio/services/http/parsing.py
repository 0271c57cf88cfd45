"""From bytes to requests: httptools, and the rules it leaves to its user.

llhttp refuses nearly everything that smells of smuggling by itself: bare line feeds,
white space around names, folded lines, two lengths, a length beside a transfer coding.
What it lets pass and RFC 9112 does not is refused here, before a request is handed out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httptools

if TYPE_CHECKING:
    from wippy_trio.services.http.limits import Limits

__all__ = ["Parser", "RequestHead"]

_HOST = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]+\]|(?:[A-Za-z0-9._~!$&'()*+;=-]|%[0-9A-Fa-f]{2})*)(?::\d*)?"
)
_TARGET = re.compile(rb"[\x21-\x7e]+")
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)(/[^?#]*)?(\?.*)?", re.IGNORECASE)

_NOT_HTTP = frozenset({"SOURCE", "PRI"})
"""Methods that llhttp knows from other protocols and takes for requests."""

CHUNK_OVERHEAD = 16 * 1024
"""Bytes of chunk lines and trailers beyond those of the body they carry."""


class Refused(Exception):  # noqa: N818 - a signal between callback and feed
    """A request that is answered with a status and the end of the connection."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class RequestHead:
    """One request as it arrives: its head, and the part of its body that is here."""

    __slots__ = (
        "body",
        "body_size",
        "complete",
        "expects",
        "fields",
        "keep_alive",
        "length",
        "method",
        "size",
        "taken",
        "target",
        "upgrade",
        "version",
    )

    def __init__(self) -> None:
        self.method = ""
        self.target = b""
        self.version = ""
        self.fields: list[tuple[bytes, bytes]] = []
        self.size = 0
        self.length = 0
        self.keep_alive = True
        self.expects = False
        self.upgrade = False
        self.complete = False
        self.body: list[bytes] = []
        self.body_size = 0
        self.taken = False  # all of the body has been handed out


class Parser:
    """Collect the requests of one connection.

    Attributes:
      ready: Requests whose heads are complete, oldest first; the last one may still
        get more of its body.
      fault: Status and reason, once the input is no longer HTTP.
      upgraded: What followed a request to upgrade.
    """

    __slots__ = (
        "_head",
        "_limits",
        "_open",
        "_overhead",
        "_parser",
        "_resumed",
        "_tail",
        "fault",
        "ready",
        "upgraded",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._parser = httptools.HttpRequestParser(self)
        self.ready: list[RequestHead] = []
        self.fault: tuple[int, str] | None = None
        self.upgraded: bytes | None = None
        self._head: RequestHead | None = None  # before its headers are complete
        self._open: RequestHead | None = None  # after that, until its body is
        self._overhead = 0
        self._resumed: RequestHead | None = None
        self._tail = 0

    @property
    def in_head(self) -> bool:
        """Whether a request has begun whose headers are not complete."""
        return self._head is not None or self._tail > 0

    def feed(self, data: bytes) -> None:
        """Take bytes; what they make is in `ready` and `fault` afterwards."""
        rest: bytes | None = data
        while rest is not None and self.fault is None:
            rest = self._feed(rest)

    def _feed(self, data: bytes) -> bytes | None:
        """Take bytes up to an upgrade; give what follows that, if it is HTTP."""
        before = self._open.body_size if self._open is not None else 0
        opened = self._open
        upgraded_at = -1
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            upgraded_at = upgrade.args[0]
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            if isinstance(cause, Refused):
                self.fault = cause.status, cause.reason
            else:
                raise
            return None
        except httptools.HttpParserError as error:
            self._failed(str(error))
            return None
        if upgraded_at >= 0:
            # Out here: what the rest raises must not have the upgrade as its context.
            return self._upgraded(data[upgraded_at:])
        self._count(data, opened, before)
        return None

    def _failed(self, reason: str) -> None:
        if reason.startswith("Data after") and self._open is None:
            return  # after the last request of a connection: nobody reads it
        if self._open is None and self._head is None and not self._tail:
            self.fault = 400, reason
            return
        self.fault = 400, reason

    def _count(self, data: bytes, opened: RequestHead | None, before: int) -> None:
        """Bound what makes no progress: endless headers, endless chunk lines."""
        head, body = self._head, self._open
        if body is not None:
            here = body.body_size - (before if body is opened else 0)
            self._overhead += max(len(data) - here, 0) if body is opened else 0
            if self._overhead > CHUNK_OVERHEAD + body.body_size:
                self.fault = 400, "more chunk lines than body"
        elif head is not None:
            self._tail = self._tail + len(data)
            if self._tail > self._limits.head + len(b"\r\n\r\n"):
                long_target = not head.fields and len(head.target) == 0
                if long_target or len(head.target) > self._limits.target:
                    self.fault = 414, "the request target is too long"
                else:
                    self.fault = 431, "the headers are too long"
        elif not self.ready:
            # Line breaks before a request, which are skipped (RFC 9112 2.2): some.
            self._tail += len(data)
            if self._tail > self._limits.head:
                self.fault = 400, "no request"
        else:
            self._tail = 0

    def _upgraded(self, rest: bytes) -> bytes | None:
        """Decide what follows a request to upgrade: give it back if it is HTTP."""
        request = self.ready[-1]
        if request.upgrade:
            self.upgraded = rest
            return None
        # Not an upgrade that we know: an ordinary request (RFC 9110 7.8). httptools has
        # skipped its body; to take that for the next request would let whoever writes
        # the body write requests. A parser that was told the framing reads on.
        self._parser = httptools.HttpRequestParser(self)
        if request.length:
            request.complete = False
            self._resumed = request
            framing = (
                b"Transfer-Encoding: chunked"
                if request.length < 0
                else b"Content-Length: %d" % request.length
            )
            self._parser.feed_data(b"POST / HTTP/1.1\r\n%b\r\n\r\n" % framing)
        return rest or None

    # -- callbacks of httptools --------------------------------------------------------

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._head = RequestHead()
        self._tail = 0

    def on_url(self, url: bytes) -> None:
        """Take some of the target."""
        head = self._head
        assert head is not None
        head.target += url
        if len(head.target) > self._limits.target:
            raise Refused(414, "the request target is too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one field; those after the body are dropped."""
        head = self._head
        if head is None:
            return
        head.size += len(name) + len(value) + 4
        if head.size + len(head.target) > self._limits.head:
            raise Refused(431, "the headers are too long")
        if len(head.fields) >= self._limits.fields:
            raise Refused(431, "too many header fields")
        head.fields.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        """Check the head and hand the request out."""
        head = self._head
        assert head is not None
        if self._resumed is not None:
            self._open, self._resumed, self._head = self._resumed, None, None
            return
        parser = self._parser
        head.method = parser.get_method().decode("ascii")
        head.version = parser.get_http_version()
        head.keep_alive = parser.should_keep_alive()
        _check(head, self._limits)
        self._head = None
        self._open = head
        self._overhead = 0
        self._tail = 0
        self.ready.append(head)

    def on_body(self, body: bytes) -> None:
        """Keep some of the body."""
        request = self._open
        assert request is not None
        request.body.append(body)
        request.body_size += len(body)
        if self._limits.body and request.body_size > self._limits.body:
            raise Refused(413, "the body is too large")

    def on_message_complete(self) -> None:
        """Close the request."""
        if self._open is not None:
            self._open.complete = True
            self._open = None


def _check(head: RequestHead, limits: Limits) -> None:
    """Refuse what llhttp lets pass.

    Raises:
      Refused: With the status that RFC 9110 and 9112 want.
    """
    if head.version not in ("1.1", "1.0"):
        raise Refused(505, f"HTTP/{head.version} is not spoken here")
    hosts = 0
    coded = length = None
    upgrade = connection = b""
    for name, value in head.fields:
        if name == b"host":
            hosts += 1
            if _HOST.fullmatch(value) is None:
                raise Refused(400, "Host: no host")
        elif name == b"transfer-encoding":
            if coded is not None:
                raise Refused(400, "Transfer-Encoding: more than one")
            coded = value.lower()
        elif name == b"content-length":
            length = value
        elif name == b"expect":
            if value.lower() != b"100-continue":
                raise Refused(417, "Expect: only 100-continue")
            head.expects = head.version == "1.1"
        elif name == b"upgrade":
            upgrade = value.lower()
        elif name == b"connection":
            connection = value.lower()
    if head.method in _NOT_HTTP:
        raise Refused(501, f"{head.method}: no method of HTTP")
    if hosts > 1 or (hosts == 0 and head.version == "1.1"):
        raise Refused(400, f"Host: wanted one, got {hosts}")
    if coded is not None:
        if head.version == "1.0":
            raise Refused(400, "Transfer-Encoding in HTTP/1.0")
        if coded != b"chunked":
            raise Refused(501, "Transfer-Encoding: only chunked")
        head.length = -1
    elif length is not None:
        head.length = int(length)
        if limits.body and head.length > limits.body:
            raise Refused(413, "the body is too large")
    _check_target(head)
    head.upgrade = (
        upgrade == b"websocket"
        and b"upgrade" in connection
        and head.method == "GET"
        and head.version == "1.1"
        and head.length == 0
    )


def _check_target(head: RequestHead) -> None:
    target = head.target
    if _TARGET.fullmatch(target) is None or b"#" in target:
        raise Refused(400, "the request target has a character that must be encoded")
    if target.startswith(b"/"):
        return
    if head.method == "CONNECT":
        raise Refused(501, "CONNECT: this is no proxy")
    if target == b"*":
        if head.method != "OPTIONS":
            raise Refused(400, "the target * is for OPTIONS")
        return
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise Refused(400, "the request target is no path")
    authority = absolute.group(1)
    if not authority or b"@" in authority or _HOST.fullmatch(authority) is None:
        raise Refused(400, "the request target has no host")
    # RFC 9112 3.2.2: the target's authority counts; a Host that says otherwise is how
    # two servers in a row are made to see two different requests.
    for name, value in head.fields:
        if name == b"host" and value.lower() != authority.lower():
            raise Refused(400, "Host is not the target's")
    head.target = (absolute.group(2) or b"/") + (absolute.group(3) or b"")
