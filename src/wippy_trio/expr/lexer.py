"""Cut the text of an expression into tokens."""

from __future__ import annotations

import re
from typing import NamedTuple

from wippy_trio.expr.failure import ExpressionError

__all__ = ["MAX_SOURCE", "Token", "tokenize"]

MAX_SOURCE = 1_000_000
"""Characters of source that are read at most."""

_WORDS = frozenset(
    [
        "not",
        "in",
        "and",
        "or",
        "matches",
        "contains",
        "startsWith",
        "endsWith",
        "let",
        "if",
        "else",
    ]
)
_TOKEN = re.compile(
    r"""
    (?P<space>\s+|//[^\n]*|/\*.*?\*/)
  | (?P<number>0[xX][0-9a-fA-F_]*|0[bB][01_]*|0[oO][0-7_]*
      |(?:[0-9][0-9_]*(?:\.(?!\.)[0-9_]*)?|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9_]+)?)
  | (?P<name>[^\W\d]\w*|\$\w*)
  | (?P<raw>`(?:[^`]|``)*`)
  | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
  | (?P<bracket>[()\[\]{}])
  | (?P<operator>\*\*|&&|\|\||==|!=|<=|>=|\?\?|\?\.|\.\.|[-+*/%^<>=!?:.,;|\#])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|u\{([0-9a-fA-F]{1,6})\}"
    r"|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|([abfnrtv\\'\"`?])|)",
)
# Digits of an integer that are read; Python refuses to read very many, and 64 bits
# need no more than this even in binary.
_LONGEST = 70
_SIMPLE = {
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}


class Token(NamedTuple):
    """One token: its kind, text or value, and where it starts.

    The kind is ``number``, ``string``, ``name``, ``bracket``, ``operator`` or ``end``.
    """

    kind: str
    text: str
    offset: int
    value: int | float | str | None = None

    def is_operator(self, *texts: str) -> bool:
        """Tell whether this is one of these operators."""
        return self.kind == "operator" and self.text in texts

    def is_bracket(self, text: str) -> bool:
        """Tell whether this is that bracket."""
        return self.kind == "bracket" and self.text == text


def tokenize(source: str) -> list[Token]:
    """Cut a source into tokens, the last of which is ``end``.

    Raises:
      ExpressionError: A character, number, string or comment is malformed.
    """
    if len(source) > MAX_SOURCE:
        raise ExpressionError(
            f"expression too long: {len(source)} characters, {MAX_SOURCE} allowed",
            "",
            0,
        )
    tokens: list[Token] = []
    position = 0
    while position < len(source):
        match = _TOKEN.match(source, position)
        if match is None or (match[0] == "/" and source.startswith("/*", position)):
            raise _unreadable(source, position)
        kind, text = str(match.lastgroup), match[0]
        if kind == "number":
            number = _number(source, position, text)
            tokens.append(Token("number", text, position, number))
        elif kind == "string":
            value = _unescape(source, position, text[1:-1])
            tokens.append(Token("string", text, position, value))
        elif kind == "raw":
            value = text[1:-1].replace("``", "`")
            tokens.append(Token("string", text, position, value))
        elif kind == "name":
            word = "operator" if text in _WORDS else "name"
            tokens.append(Token(word, text, position))
        elif kind != "space":
            tokens.append(Token(kind, text, position))
        position = match.end()
    tokens.append(Token("end", "", len(source)))
    return tokens


def _unreadable(source: str, position: int) -> ExpressionError:
    character = source[position]
    if character in "\"'`":
        return ExpressionError("literal not terminated", source, position)
    if source.startswith("/*", position):
        return ExpressionError("unclosed comment", source, position)
    return ExpressionError(f"unrecognized character: {character!r}", source, position)


def _number(source: str, position: int, text: str) -> int | float:
    following = source[position + len(text) : position + len(text) + 1]
    if following.isalnum() or following == "_" or "__" in text or text[-1] == "_":
        raise ExpressionError(
            f"bad number syntax: {text + following!r}", source, position
        )
    digits = text.replace("_", "")
    prefix = digits[:2].lower()
    if prefix in {"0x", "0b", "0o"}:
        if len(digits) == 2:
            raise ExpressionError(f"bad number syntax: {text!r}", source, position)
        number = int(digits[:_LONGEST], 0)
    elif any(mark in digits for mark in ".eE"):
        result = float(digits)
        if result in {float("inf"), float("-inf")}:
            raise ExpressionError(
                f"float literal is too large: {text}", source, position
            )
        return result
    else:
        number = int(digits[:_LONGEST])
    if number > 2**63 - 1 or len(digits) > _LONGEST:
        raise ExpressionError("integer literal is too large", source, position)
    return number


def _unescape(source: str, position: int, body: str) -> str:
    if "\\" not in body:
        return body

    def replace(match: re.Match[str]) -> str:
        two, four, braced, eight, octal, simple = match.groups()
        if simple:
            return _SIMPLE.get(simple, simple)
        digits = two or four or braced or eight
        code = int(digits, 16) if digits else int(octal or "-1", 8)
        if not 0 <= code <= 0x10FFFF or (0xD800 <= code <= 0xDFFF):
            at = position + 1 + match.start()
            raise ExpressionError("unable to unescape string", source, at)
        return chr(code)

    return _ESCAPE.sub(replace, body)
