r"""String literals: what they mean, and how the virtual machine wants them written.

The dialect drops the backslash of an escape it does not know (``"\."`` is ``"."``);
the virtual machine refuses such a literal.
"""

from __future__ import annotations

import re

__all__ = ["escape_fault", "plain_escapes", "string_value"]

_ESCAPE = re.compile(
    r"\\(?:(?P<octet>[0-9]{1,3})"
    r"|x(?P<hex>[0-9a-fA-F]{2})"
    r"|u\{(?P<point>[0-9a-fA-F]+)\}"
    r"|z(?P<skip>\s*)"
    r"|(?P<newline>\r\n|\n\r|\n|\r)"
    r"|(?P<letter>[abfnrtv\\\"'])"
    r"|(?P<odd>[\s\S]))",
    re.ASCII,
)
_LETTERS = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    '"': '"',
    "'": "'",
}
_LAST_POINT = 0x7FFFFFFF


def escape_fault(literal: str) -> str:
    """Say what is wrong with the escapes of a literal; nothing if all is well."""
    for match in _ESCAPE.finditer(literal):
        octet, point = match["octet"], match["point"]
        if octet and int(octet) > 0xFF:
            return f"decimal escape too large '\\{octet}'"
        if point and (len(point.lstrip("0")) > 8 or int(point, 16) > _LAST_POINT):
            return "UTF-8 value too large"
    return ""


def plain_escapes(literal: str) -> str:
    """Rewrite a quoted literal without the escapes that Lua does not know."""
    return _ESCAPE.sub(lambda match: match["odd"] or match[0], literal)


def string_value(literal: str) -> bytes:
    """Return the bytes that a string literal, quoted or long, stands for."""
    if literal[0] == "[":
        level = literal.index("[", 1) + 1
        inside = literal[level:-level]
        inside = re.sub(r"\r\n|\n\r|\r", "\n", inside)
        return inside.removeprefix("\n").encode("latin-1")
    return _ESCAPE.sub(_value, literal[1:-1]).encode("latin-1")


def _value(match: re.Match[str]) -> str:
    kind = match.lastgroup or "odd"
    text = match[kind]
    if kind == "octet":
        return chr(int(text))
    if kind == "hex":
        return chr(int(text, 16))
    if kind == "point":
        return _utf8(int(text, 16)).decode("latin-1")
    if kind == "letter":
        return _LETTERS[text]
    if kind == "newline":
        return "\n"
    return "" if kind == "skip" else text


def _utf8(point: int) -> bytes:
    """Encode a code point of up to 31 bits, as Lua does."""
    if point < 0x80:
        return bytes((point,))
    tail: list[int] = []
    limit = 0x3F
    while point > limit:
        tail.append(0x80 | (point & 0x3F))
        point >>= 6
        limit >>= 1
    lead = ((~limit << 1) & 0xFF) | point
    return bytes((lead, *reversed(tail)))
