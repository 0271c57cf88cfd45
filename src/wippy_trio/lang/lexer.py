"""Tokens of typed Lua.

One compiled alternation splits the source in C into skipped text and tokens; the
offsets are running sums of their lengths, and the kind of a token is one look-up in a
dictionary that learns the words of the source as it goes. So a token costs no Python
bytecode at all unless it is new. Tokens are parallel lists: text, kind, start, end. The
alternation matches any text whatever (what is no token is a bad one), and its repeats
are possessive, so a hostile source cannot make it try twice.

The source is read as latin-1: one byte is one character, and any byte survives.

The kind of a word, an operator or a bracket is its own text. The others are ``name``,
``number``, ``string``, ``eof`` and ``bad``: a bad token is no error yet, since only the
first error of a source counts and the parser finds that one.
"""

from __future__ import annotations

import re
from itertools import accumulate

from wippy_trio.lang.strings import escape_fault

__all__ = ["CONTEXTUAL", "KEYWORDS", "Tokens", "complaint", "tokenize"]

_WORDS = """
and break do else elseif end false for function goto if in local nil not or repeat
return then true until while
"""
_CONTEXTUAL_WORDS = "fun interface as asserts readonly is typeof keyof extends"
_PUNCTUATION = """
+ - * / % ^ # & ~ | << >> // == ~= <= >= < > = ( ) { } [ ] :: ; : , . .. ... -> ? ! @
"""

KEYWORDS = frozenset(_WORDS.split())
"""The reserved words of Lua 5.3."""

CONTEXTUAL = frozenset(_CONTEXTUAL_WORDS.split())
"""The reserved words of the dialect, which still serve as keys (types 1.3)."""

_BASE = {word: word for word in (*KEYWORDS, *CONTEXTUAL, *_PUNCTUATION.split())}
_BASE[""] = "eof"

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_ESCAPE = r"\\(?:z\s*+|\r\n|\n\r|[\s\S])"
_DOUBLE = rf'"[^"\\\n\r]*+(?:{_ESCAPE}[^"\\\n\r]*+)*+"'
_SINGLE = rf"'[^'\\\n\r]*+(?:{_ESCAPE}[^'\\\n\r]*+)*+'"
_NUMERAL = r"0[xX](?:[pP][+-]?|[0-9A-Za-z_.])*+|\.?[0-9](?:[eE][+-]?|[0-9A-Za-z_.])*+"

_CLOSED = re.compile(rf"{_DOUBLE}|{_SINGLE}", re.ASCII)
_NUMBER = re.compile(
    r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
    r"|0[xX](?:[0-9a-fA-F]+\.?[0-9a-fA-F]*|\.[0-9a-fA-F]+)(?:[pP][+-]?[0-9]+)?",
    re.ASCII,
)
_LONG_OPENING = re.compile(r"\[(=*)\[")
_USUAL_LEVELS = 4


class Tokens:
    """The tokens of a source, as parallel lists that end with one ``eof``.

    ``kinds`` has a second one, so that the parser may look one token ahead anywhere.
    ``words`` maps each distinct text to its kind.
    """

    __slots__ = ("ends", "kinds", "starts", "text", "texts", "words")

    def __init__(
        self,
        text: str,
        texts: list[str],
        kinds: list[str],
        starts: list[int],
        ends: list[int],
        words: dict[str, str],
    ) -> None:
        self.text = text
        self.texts = texts
        self.kinds = kinds
        self.starts = starts
        self.ends = ends
        self.words = words


class _Kinds(dict[str, str]):
    """The kind by text; a text met for the first time is classified and kept."""

    __slots__ = ()

    def __missing__(self, text: str) -> str:
        first = text[0]
        if first == "_" or ("A" <= first <= "z" and first.isalpha()):
            kind = "name"
        elif first in "\"'":
            kind = "string" if _CLOSED.fullmatch(text) else "bad"
            if "\\" in text and escape_fault(text):
                kind = "bad"
        elif first == "[":
            level = text.find("[", 1) - 1
            closing = "]" + "=" * level + "]"
            whole = len(text) >= 2 * len(closing) and text.endswith(closing)
            kind = "string" if whole else "bad"
        else:
            kind = "number" if _NUMBER.fullmatch(text) else "bad"
        self[text] = kind
        return kind


def _compile(levels: list[int]) -> re.Pattern[str]:
    """Build the alternation for long brackets of the given levels."""
    bars = ["=" * level for level in levels]
    closed = "|".join(rf"\[{bar}\[[\s\S]*?\]{bar}\]" for bar in bars)
    skipped = rf"\s*+(?:--(?:{closed}|(?!\[=*\[)[^\n\r]*+)\s*+)*+"
    token = "|".join(
        (
            _NAME,
            r"==|[,()={}\];+*%^#&|?!@]",
            r"\.\.\.|\.\.|\.(?![0-9])",
            _DOUBLE,
            _SINGLE,
            _NUMERAL,
            r"::|:",
            r"--\[=*\[[\s\S]*+|->|-",
            r"~=|~|<=|<<|<|>=|>>|>|//|/",
            closed,
            r"\[=*\[[\s\S]*+|\[=++|\[",
            r"[\"'][^\n\r]*+",
            r"\Z",
            r"[\x80-\xff]++|[\s\S]",
        )
    )
    return re.compile(f"({skipped})({token})", re.ASCII)


_PATTERN = _compile(list(range(_USUAL_LEVELS)))


def tokenize(text: str) -> Tokens:
    """Split a source into tokens.

    Args:
      text: The source, one character for each byte.

    Returns:
      The tokens. Text that is no token becomes a token of kind ``bad``.
    """
    pattern = _PATTERN
    if "[" + "=" * _USUAL_LEVELS in text:
        found = {len(match[1]) for match in _LONG_OPENING.finditer(text)}
        pattern = _compile(sorted(found | set(range(_USUAL_LEVELS))))
    parts = pattern.split(text)
    if len(parts) > 6 and not parts[-5]:
        del parts[-3:]  # skipped text before the end makes it match twice
    del parts[::3]  # the text between matches: none
    texts = parts[1::2]
    offsets = list(accumulate(map(len, parts)))
    starts = offsets[0::2]
    ends = offsets[1::2]
    words = _Kinds(_BASE)
    kinds = list(map(words.__getitem__, texts))
    kinds.append("eof")
    return Tokens(text, texts, kinds, starts, ends, words)


def complaint(text: str) -> tuple[str, int]:
    """Say what is wrong with a bad token, and how long its mark should be."""
    first = text[0]
    if first in "\"'":
        if _CLOSED.fullmatch(text):
            return escape_fault(text), len(text)
        return "unfinished string", 1
    if text.startswith("--["):
        return "unfinished long comment", 2
    if first == "[":
        if _LONG_OPENING.match(text):
            return "unfinished long string", 1
        return "invalid long string delimiter", len(text)
    if first.isdigit() or (first == "." and len(text) > 1):
        return f"malformed number '{text}'", len(text)
    if first > "\x7f":
        wide = text.encode("latin-1").decode("utf-8", "replace")[0]
        return f"invalid token '{wide}'", len(wide.encode()) if wide != "\ufffd" else 1
    shown = f"'{first}'" if first.isprintable() else repr(first)
    return f"invalid token {shown}", 1
