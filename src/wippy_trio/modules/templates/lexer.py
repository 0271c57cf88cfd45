"""Cut a template into text and actions, and actions into tokens.

Source: modules-data 9.1.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from wippy_trio.modules.templates.failure import TemplateError

__all__ = ["Action", "Delimiters", "Text", "Token", "scan"]

_SPACE = " \t\r\n"
_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<number>0[xX][0-9a-fA-F]+|[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
  | (?P<name>[^\W\d]\w*)
  | (?P<field>\.[^\W\d]\w*)
  | (?P<string>"(?:[^"\\\n]|\\.)*"|`[^`]*`)
  | (?P<char>'(?:[^'\\\n]|\\.)*')
  | (?P<operator>:=|==|!=|<=|>=|&&|\|\||[-+*/%<>=!?:,;|()\[\].])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})"
    r"|([abfnrtv\\'\"])|)"
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_OPERAND_ENDS = frozenset({")", "]", "."})


class Delimiters(NamedTuple):
    """What surrounds actions and comments."""

    left: str = "{{"
    right: str = "}}"
    comment_left: str = "{*"
    comment_right: str = "*}"


class Token(NamedTuple):
    """One token of an action.

    The kind is ``number``, ``name``, ``field`` (a dot and a name), ``string``,
    ``operator`` or ``end``; ``spaced`` tells whether white space stands before it.
    """

    kind: str
    text: str
    line: int
    spaced: bool
    value: int | float | str | None = None


class Text(NamedTuple):
    """Text that is written as it is."""

    text: str


class Action(NamedTuple):
    """What stands between delimiters; the last token is ``end``."""

    tokens: list[Token]
    line: int


def scan(source: str, name: str, delimiters: Delimiters) -> list[Text | Action]:
    """Cut a template into its pieces, white space trimmed where it asks for it.

    Raises:
      TemplateError: An action or comment is not closed, or has a malformed token.
    """
    scanner = _Scanner(source, name, delimiters)
    return scanner.pieces()


class _Scanner:
    __slots__ = ("_delimiters", "_name", "_position", "_source")

    def __init__(self, source: str, name: str, delimiters: Delimiters) -> None:
        self._source = source
        self._name = name
        self._delimiters = delimiters
        self._position = 0

    def _line(self, position: int) -> int:
        return self._source.count("\n", 0, position) + 1

    def _error(self, reason: str, position: int) -> TemplateError:
        return TemplateError(reason, self._name, self._line(position))

    def pieces(self) -> list[Text | Action]:
        source, (left, right, comment, comment_end) = self._source, self._delimiters
        found: list[Text | Action] = []
        # One delimiter may begin with the other: the longer one goes first.
        first, second = sorted((left, comment), key=len, reverse=True)
        opening = re.compile(f"{re.escape(first)}|{re.escape(second)}")
        trim_next = False
        while True:
            match = opening.search(source, self._position)
            end = len(source) if match is None else match.start()
            text = source[self._position : end]
            if trim_next:
                text = text.lstrip(_SPACE)
            if match is None:
                _add_text(found, text)
                return found
            self._position = match.end()
            trim_next = False
            if match[0] == comment:
                _add_text(found, text)
                close = source.find(comment_end, self._position)
                if close < 0:
                    raise self._error("unclosed comment", match.start())
                self._position = close + len(comment_end)
                continue
            after = source[self._position : self._position + 2]
            if after[:1] == "-" and after[1:] and after[1] in _SPACE:
                text = text.rstrip(_SPACE)
                self._position += 1
            _add_text(found, text)
            action, trim_next = self._action(right, match.start())
            found.append(action)

    def _action(self, right: str, start: int) -> tuple[Action, bool]:
        source = self._source
        line = self._line(start)
        tokens: list[Token] = []
        spaced = False
        while True:
            position = self._position
            trims = spaced and source.startswith("-" + right, position)
            if trims or source.startswith(right, position):
                self._position += len(right) + trims
                tokens.append(Token("end", "", line, spaced))
                return Action(tokens, self._line(start)), trims
            if position >= len(source):
                raise self._error("unclosed action", start)
            token = self._token(tokens, line, spaced=spaced)
            if token is None:
                line += source.count("\n", position, self._position)
                spaced = True
            else:
                line += token.text.count("\n")
                tokens.append(token)
                spaced = False

    def _token(self, tokens: list[Token], line: int, *, spaced: bool) -> Token | None:
        """Read a token; None for white space."""
        position = self._position
        sign = self._sign(tokens, spaced=spaced)
        match = _TOKEN.match(self._source, position + len(sign))
        if match is None:
            character = self._source[position]
            if character in "\"'`":
                raise self._error("unterminated quoted string", position)
            raise self._error(f"unexpected character {character!r}", position)
        self._position = match.end()
        kind, text = str(match.lastgroup), sign + match[0]
        if kind == "space":
            return None
        value: int | float | str | None = None
        if kind == "number":
            following = self._source[match.end() : match.end() + 1]
            if following.isalnum() or following == "_":
                raise self._error(f"bad number syntax: {text + following!r}", position)
            value = _number(text)
        elif kind == "string":
            value = self._string(text, position)
        elif kind == "char":
            character = self._string(text, position)
            if len(character) != 1:
                raise self._error(f"malformed character constant: {text}", position)
            return Token("number", text, line, spaced, ord(character))
        return Token(kind, text, line, spaced, value)

    def _sign(self, tokens: list[Token], *, spaced: bool) -> str:
        """Take a sign that belongs to the number after it.

        Right after an operand it is an operator (``n-1``); after white space it is a
        sign, and so ``n -1`` is two operands side by side.
        """
        source, position = self._source, self._position
        sign = source[position : position + 1]
        if sign not in {"-", "+"} or not source[position + 1 : position + 2].isdigit():
            return ""
        last = tokens[-1] if tokens else None
        operand = last is not None and (
            last.kind != "operator" or last.text in _OPERAND_ENDS
        )
        return "" if operand and not spaced else sign

    def _string(self, text: str, position: int) -> str:
        body = text[1:-1]
        if text[0] == "`" or "\\" not in body:
            return body

        def replace(match: re.Match[str]) -> str:
            two, four, eight, octal, simple = match.groups()
            if simple:
                return _SIMPLE.get(simple, simple)
            digits = two or four or eight
            code = int(digits, 16) if digits else int(octal or "-1", 8)
            if not 0 <= code <= 0x10FFFF or 0xD800 <= code <= 0xDFFF:
                raise self._error("malformed escape in a string", position)
            return chr(code)

        return _ESCAPE.sub(replace, body)


def _add_text(found: list[Text | Action], text: str) -> None:
    if text:
        found.append(Text(text))


def _number(text: str) -> int | float:
    sign, digits = (text[0], text[1:]) if text[0] in "+-" else ("", text)
    if digits[:2] in {"0x", "0X"}:
        # Sixteen digits are 64 bits; longer numbers lose their precision anyway.
        number: int | float = int(digits[:30], 16)
    elif digits.isdigit() and len(digits) <= 18:
        number = int(digits)
    else:
        number = float(digits)
    return -number if sign == "-" else number
