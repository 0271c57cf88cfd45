"""What a request is asked for: options made values (modules-io 9.1). Pure."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit, urlunsplit

from wippy_trio.duration import parse_seconds
from wippy_trio.modules._stream import is_readable
from wippy_trio.sdk import InvalidError

__all__ = [
    "Part",
    "RequestOptions",
    "TlsOptions",
    "canonical",
    "read_options",
    "with_query",
]

DEFAULT_TIMEOUT = 30.0
DEFAULT_BODY = 125_829_120
_IN_NAMES = dict.fromkeys(map(ord, "!#$%&'*+-.^_`|~"), "x")


class TlsOptions(NamedTuple):
    """What TLS material a request brings; all PEM."""

    cert: str = ""
    key: str = ""
    ca: str = ""
    server_name: str = ""
    insecure: bool = False


class Part(NamedTuple):
    """One file of a multipart body; ``content`` is bytes, or something to read."""

    name: str
    filename: str
    content: Any


class RequestOptions(NamedTuple):
    """Everything about a request but its method and its URL."""

    headers: dict[str, str]
    body: bytes
    form: dict[str, str]
    files: list[Part]
    query: dict[str, str]
    cookies: dict[str, str]
    auth: tuple[str, str] | None
    timeout: float
    stream: bool
    max_body: int
    unix_socket: str
    tls: TlsOptions
    network: str | None


def read_options(given: Any) -> RequestOptions:
    """Read the table of options; what is no option of ours is ignored.

    Raises:
      InvalidError: It is no table, or a header could not be sent.
    """
    if given is None or given == []:
        given = {}
    if not isinstance(given, dict):
        raise InvalidError("options must be a table", retryable=False)
    limit: Any = given.get("max_response_body")
    return RequestOptions(
        headers=_headers(given.get("headers")),
        body=_bytes(given.get("body")),
        form=_texts(given.get("form")),
        files=_files(given.get("files")),
        query=_texts(given.get("query")),
        cookies=_pairs(given.get("cookies")),
        auth=_auth(given.get("auth")),
        timeout=_timeout(given.get("timeout")),
        stream=given.get("stream") is True,
        max_body=int(limit) if _number(limit) and limit > 0 else DEFAULT_BODY,
        unix_socket=_text(given.get("unix_socket")),
        tls=_tls(given.get("tls")),
        network=_network(given.get("overlay_network")),
    )


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _network(value: Any) -> str | None:
    """Read the choice of a network; an empty text is the choice of none."""
    return value if isinstance(value, str) else None


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return str(value).encode() if isinstance(value, (str, int, float)) else b""


def _pairs(value: Any) -> dict[str, str]:
    """Keep the pairs of two texts (modules-io 9.1)."""
    if not isinstance(value, dict):
        return {}
    return {k: v for k, v in value.items() if isinstance(k, str) and isinstance(v, str)}


def _texts(value: Any) -> dict[str, str]:
    """Keep text keys; numbers and truths are written out."""
    if not isinstance(value, dict):
        return {}
    found: dict[str, str] = {}
    for key, item in value.items():
        if isinstance(item, bool):
            item = "true" if item else "false"
        if isinstance(key, str) and isinstance(item, (str, int, float)):
            found[key] = str(item)
    return dict(sorted(found.items()))


def _auth(value: Any) -> tuple[str, str] | None:
    if not isinstance(value, dict) or value.get("user") is None:
        return None
    return str(value["user"]), str(value.get("pass") or "")


def _headers(value: Any) -> dict[str, str]:
    headers = _pairs(value)
    for name, text in headers.items():
        if (
            not name
            or not name.isascii()
            or any(c <= " " or c in ":\x7f" for c in name)
        ):
            raise InvalidError(f"headers: {name!r} is no header name", retryable=False)
        if any(c in "\r\n\0" for c in text):
            raise InvalidError(
                f"headers: the value of {name} has a line break", retryable=False
            )
    return headers


def _files(value: Any) -> list[Part]:
    """Keep the entries that have a name and something to send."""
    if not isinstance(value, list):
        return []
    parts = []
    for row in value:
        if not isinstance(row, dict):
            continue
        name = row.get("name")
        content = row.get("content")
        if content is None:
            content = row.get("reader")
        if isinstance(content, str):
            content = content.encode()
        sendable = isinstance(content, bytes) or is_readable(content)
        if isinstance(name, str) and name and sendable:
            parts.append(Part(name, _text(row.get("filename")) or name, content))
    return parts


def _timeout(value: Any) -> float:
    if _number(value) and value > 0:
        return float(value)
    if isinstance(value, str):
        try:
            seconds = parse_seconds(value)
        except InvalidError:
            return DEFAULT_TIMEOUT
        if seconds > 0:
            return seconds
    return DEFAULT_TIMEOUT


def _tls(value: Any) -> TlsOptions:
    if not isinstance(value, dict):
        return TlsOptions()
    return TlsOptions(
        _text(value.get("cert")),
        _text(value.get("key")),
        _text(value.get("ca")),
        _text(value.get("server_name")),
        value.get("insecure_skip_verify") is True,
    )


def with_query(url: str, query: dict[str, str]) -> str:
    """Merge a query into a URL, encoded and sorted by key."""
    if not query:
        return url
    parts = urlsplit(url)
    pairs = [
        (key, value)
        for key, value in parse_qsl(parts.query, keep_blank_values=True)
        if key not in query
    ]
    pairs += list(query.items())
    pairs.sort(key=lambda pair: pair[0])
    return urlunsplit(parts._replace(query=urlencode(pairs, quote_via=quote_plus)))


def canonical(name: str) -> str:
    """Write a header's name as servers expect to see it: ``Content-Type``."""
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))
