"""Cut HTML into text and tags, as browsers do; comments and the like are left out.

There are no errors: any text is some HTML. The tree that a browser would build is not
our business, only where tags begin and end.

Source: modules-data 8.1; the tokenization section of the HTML standard.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["EndTag", "StartTag", "Text", "tokens"]

_SPACE = "\t\n\f\r "
_NAME = re.compile(r"[a-zA-Z][^\t\n\f\r />]*")
_ATTRIBUTE = re.compile(
    r"[\t\n\f\r /]*"
    r"(?P<name>[^\t\n\f\r />][^\t\n\f\r />=]*)"
    r"(?:[\t\n\f\r ]*(?P<equals>=)[\t\n\f\r ]*"
    r"(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<open>[\"'])"
    r"|(?P<bare>[^\t\n\f\r >]+))?)?"
)
_TAG_END = re.compile(r"[\t\n\f\r /]*>")
_COMMENT_END = re.compile(r"--!?>")
_REFERENCE = re.compile(r"&(?:#|[a-zA-Z])[^&]*")
_UNFINISHED = re.compile(r"&[a-zA-Z][a-zA-Z0-9]*(?==|[a-zA-Z0-9])")

_RAW = frozenset(
    {"iframe", "noembed", "noframes", "noscript", "script", "style", "xmp"}
)
_ESCAPABLE = frozenset({"textarea", "title"})


class Text(NamedTuple):
    """Characters, with their entities decoded."""

    text: str


class StartTag(NamedTuple):
    """A tag that opens; names are lower case, the first of equal attributes counts."""

    name: str
    attributes: dict[str, str]
    self_closing: bool


class EndTag(NamedTuple):
    """A tag that closes."""

    name: str


def tokens(source: str) -> Iterator[Text | StartTag | EndTag]:
    """Give the tokens of a text in turn."""
    source = source.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    place, size = 0, len(source)
    while place < size:
        opening = source.find("<", place)
        if opening < 0:
            opening = size
        if opening > place:
            yield Text(html.unescape(source[place:opening]))
        if opening >= size:
            return
        token, place = _markup(source, opening)
        if token is not None:
            yield token
        if isinstance(token, StartTag):
            if token.name == "plaintext":
                yield Text(source[place:])
                return
            if token.name in _RAW or token.name in _ESCAPABLE:
                end = _raw_end(source, token.name, place)
                if end > place:
                    text = source[place:end]
                    raw = token.name in _RAW
                    yield Text(text if raw else html.unescape(text))
                place = end


def _markup(source: str, place: int) -> tuple[Text | StartTag | EndTag | None, int]:
    """Read what begins with ``<``, and where it ends."""
    following = source[place + 1 : place + 2]
    if following.isascii() and following.isalpha():
        return _tag(source, place + 1, closing=False)
    if following == "/":
        after = source[place + 2 : place + 3]
        if after.isascii() and after.isalpha():
            return _tag(source, place + 2, closing=True)
        if after == ">":
            return None, place + 3
        if after:
            return None, _bogus(source, place + 2)
        return Text("</"), place + 2
    if following == "!":
        if source.startswith("--", place + 2):
            return None, _comment(source, place + 4)
        return None, _bogus(source, place + 2)
    if following == "?":
        return None, _bogus(source, place + 1)
    return Text("<"), place + 1


def _bogus(source: str, place: int) -> int:
    end = source.find(">", place)
    return len(source) if end < 0 else end + 1


def _comment(source: str, place: int) -> int:
    for empty in (">", "->"):
        if source.startswith(empty, place):
            return place + len(empty)
    match = _COMMENT_END.search(source, place)
    return len(source) if match is None else match.end()


def _tag(
    source: str, place: int, *, closing: bool
) -> tuple[StartTag | EndTag | None, int]:
    match = _NAME.match(source, place)
    if match is None:  # the caller saw a letter
        return None, len(source)
    name, place = match[0], match.end()
    attributes: dict[str, str] = {}
    while True:
        end = _TAG_END.match(source, place)
        if end is not None:
            break
        attribute = _ATTRIBUTE.match(source, place)
        if attribute is None or attribute["open"]:  # the text ends within the tag
            return None, len(source)
        value = attribute["double"] or attribute["single"] or attribute["bare"] or ""
        attributes.setdefault(_lower(attribute["name"]), _decoded(value))
        place = attribute.end()
    # An unquoted value takes a slash before the bracket with it.
    slash = source[place : end.end()].endswith("/>")
    if closing:
        return EndTag(_lower(name)), end.end()
    return StartTag(_lower(name), attributes, slash), end.end()


def _lower(name: str) -> str:
    """Lower the letters of ASCII and no others."""
    return name.lower() if name.isascii() else re.sub("[A-Z]+", _lowered, name)


def _lowered(match: re.Match[str]) -> str:
    return match[0].lower()


def _decoded(value: str) -> str:
    """Decode the entities of an attribute.

    One without a semicolon before a letter, a digit or ``=`` is text: ``?a&copy=1``.
    """
    if "&" not in value:
        return value

    def decode(match: re.Match[str]) -> str:
        if _UNFINISHED.match(match[0]) and ";" not in match[0].partition("=")[0]:
            return match[0]
        return html.unescape(match[0])

    return _REFERENCE.sub(decode, value)


def _raw_end(source: str, name: str, place: int) -> int:
    """Find where the end tag of an element of raw text begins."""
    pattern = re.compile(rf"</{name}(?=[\t\n\f\r />])", re.IGNORECASE | re.ASCII)
    match = pattern.search(source, place)
    return len(source) if match is None else match.start()
