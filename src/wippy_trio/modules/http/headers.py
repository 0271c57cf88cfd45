"""Rules of header fields: what may be sent, and how lists are read (RFC 9110)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wippy_trio.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "Headers",
    "accepts_coding",
    "checked_field",
    "first_of",
    "parameters_of",
    "tokens_of",
]

Headers = list[tuple[bytes, bytes]]
"""Names in lower case, in the order of arrival or of sending."""

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_PARAMETER = re.compile(r';\s*([^\s=;]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;]*)')


def checked_field(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """Make a field that can be sent: the name in lower case, the value trimmed.

    Raises:
      InvalidError: The name is no token, or the value has a control character: with a
        line break in it a program could write fields, or a whole response, of its
        own (RFC 9110 5.1, 5.5).
    """
    if _TOKEN.fullmatch(name) is None:
        raise InvalidError(f"invalid header name: {_shown(name)}")
    if _CONTROL.search(value) is not None:
        raise InvalidError(
            f"invalid value of header {_shown(name)}: control characters cannot be sent"
        )
    return name.lower(), value.strip(b" \t")


def _shown(name: bytes) -> str:
    return repr(name[:60])[1:]


def first_of(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """Find the first field of a name."""
    for key, value in headers:
        if key == name:
            return value
    return None


def tokens_of(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> Iterator[str]:
    """List the elements of all fields of a name, in lower case, parameters dropped."""
    for key, value in headers:
        if key == name:
            for item in value.decode("latin-1").split(","):
                token = item.partition(";")[0].strip().lower()
                if token:
                    yield token


def parameters_of(value: str) -> tuple[str, dict[str, str]]:
    """Take a field like ``form-data; name="a b"`` apart (RFC 9110 5.6.6)."""
    head = value.partition(";")[0].strip().lower()
    found: dict[str, str] = {}
    for match in _PARAMETER.finditer(value, len(value.partition(";")[0])):
        name, text = match.group(1).lower(), match.group(2)
        if text[:1] == '"':
            text = _unquoted(text[1:-1])
        found.setdefault(name, text)
    return head, found


def _unquoted(text: str) -> str:
    # Browsers write a backslash of a file name as it is; only \" and \\ are escapes.
    return text.replace("\\\\", "\0").replace('\\"', '"').replace("\0", "\\")


def accepts_coding(headers: Headers, coding: str) -> bool:
    """Tell whether the client takes a content coding (RFC 9110 12.5.3)."""
    star = None
    for key, value in headers:
        if key != b"accept-encoding":
            continue
        for item in value.decode("latin-1").split(","):
            token, _, rest = item.partition(";")
            weight = _weight(rest)
            token = token.strip().lower()
            if token == coding:
                return weight > 0
            if token == "*":
                star = weight
    return star is not None and star > 0


def _weight(text: str) -> float:
    name, _, number = text.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(number)
    except ValueError:
        return 0.0
