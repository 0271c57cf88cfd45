"""Read regular expressions of the RE2 language into a tree.

Look-around and back-references do not exist there. Every character of the tree is a
set of code points, with case folding and negation already applied, so that the two
readers of the tree (the translation to Python's `re` and the automaton) need no flags.

Source: modules-data 10.1; types 4.4.
"""

from __future__ import annotations

import functools
import unicodedata
from typing import NamedTuple, NoReturn, TypeAlias

from wippy_trio.errors import InvalidError

__all__ = [
    "ANY",
    "Alternation",
    "Assertion",
    "Concatenation",
    "Group",
    "Ranges",
    "Regex",
    "Repeat",
    "Set",
    "parse_regex",
]

Ranges: TypeAlias = tuple[tuple[int, int], ...]

_TOP = 0x10FFFF
_MAX_REPEAT = 1000
_MAX_DEPTH = 100
_MAX_PATTERN = 20_000


class Set(NamedTuple):
    """One character out of these ranges of code points, sorted and apart."""

    ranges: Ranges


class Assertion(NamedTuple):
    """A place, by kind.

    ``begin_text  end_text  begin_line  end_line  word  not_word``
    """

    kind: str


class Concatenation(NamedTuple):
    """All of these, one after the other; nothing at all if there are none."""

    items: tuple[Regex, ...]


class Alternation(NamedTuple):
    """One of these; the earlier is preferred."""

    branches: tuple[Regex, ...]


class Repeat(NamedTuple):
    """An item, at least ``low`` and at most ``high`` times; no ``high``, no end."""

    item: Regex
    low: int
    high: int | None
    greedy: bool


class Group(NamedTuple):
    """A capturing group; ``name`` is empty if it has none."""

    item: Regex
    name: str


Regex: TypeAlias = Set | Assertion | Concatenation | Alternation | Repeat | Group

ANY = Set(((0, _TOP),))
_NOT_NEWLINE = Set(((0, 9), (11, _TOP)))

_DIGIT: Ranges = ((48, 57),)
_SPACE: Ranges = ((9, 10), (12, 13), (32, 32))
_WORD: Ranges = ((48, 57), (65, 90), (95, 95), (97, 122))
_PERL = {"d": _DIGIT, "s": _SPACE, "w": _WORD}
_POSIX: dict[str, Ranges] = {
    "alnum": ((48, 57), (65, 90), (97, 122)),
    "alpha": ((65, 90), (97, 122)),
    "ascii": ((0, 127),),
    "blank": ((9, 9), (32, 32)),
    "cntrl": ((0, 31), (127, 127)),
    "digit": _DIGIT,
    "graph": ((33, 126),),
    "lower": ((97, 122),),
    "print": ((32, 126),),
    "punct": ((33, 47), (58, 64), (91, 96), (123, 126)),
    "space": ((9, 13), (32, 32)),
    "upper": ((65, 90),),
    "word": _WORD,
    "xdigit": ((48, 57), (65, 70), (97, 102)),
}
_CONTROL = {"a": 7, "f": 12, "t": 9, "n": 10, "r": 13, "v": 11}
_PLACES = {"A": "begin_text", "z": "end_text", "b": "word", "B": "not_word"}
# General categories: a first letter, and the second ones that count under it.
_CATEGORIES = {
    "C": "cfos",
    "L": "lmotu",
    "M": "cen",
    "N": "dlo",
    "P": "cdefios",
    "S": "ckmo",
    "Z": "lps",
}
_OCTAL = "01234567"
_HEX = "0123456789abcdefABCDEF"


def parse_regex(pattern: str) -> Regex:
    """Read a regular expression.

    Raises:
      InvalidError: The text begins with ``error parsing regexp:`` and quotes the
        offending piece.
    """
    if len(pattern) > _MAX_PATTERN:
        _fail(f"expression too large: {len(pattern)} characters")
    if any("\ud800" <= character <= "\udfff" for character in pattern):
        _fail("invalid UTF-8")
    return _Parser(pattern).whole()


def _fail(reason: str, piece: str | None = None) -> NoReturn:
    quoted = "" if piece is None else f": `{piece}`"
    raise InvalidError(f"error parsing regexp: {reason}{quoted}")


class _Flags(NamedTuple):
    fold: bool = False
    lines: bool = False
    dot_all: bool = False
    lazy: bool = False


class _Parser:
    __slots__ = ("depth", "flags", "pattern", "position")

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.position = 0
        self.flags = _Flags()
        self.depth = 0

    def peek(self, length: int = 1) -> str:
        return self.pattern[self.position : self.position + length]

    def since(self, start: int) -> str:
        return self.pattern[start : self.position]

    def whole(self) -> Regex:
        tree = self.alternation()
        if self.position < len(self.pattern):
            _fail("unexpected )", self.pattern)
        return tree

    def alternation(self) -> Regex:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            _fail("expression nests too deeply", self.pattern)
        branches = [self.concatenation()]
        while self.peek() == "|":
            self.position += 1
            branches.append(self.concatenation())
        self.depth -= 1
        return branches[0] if len(branches) == 1 else Alternation(tuple(branches))

    def concatenation(self) -> Regex:
        items: list[Regex] = []
        repeated_from = -1
        while self.peek() not in {"", "|", ")"}:
            start = self.position
            bounds = self.bounds()
            if bounds is None:
                items.extend(self.atom())
                repeated_from = -1
                continue
            if not items:
                _fail("missing argument to repetition operator", self.since(start))
            lazy = self.peek() == "?"
            self.position += lazy
            if repeated_from >= 0:
                _fail("invalid nested repetition operator", self.since(repeated_from))
            repeated_from = start
            low, high = bounds
            item = items.pop()
            if _counted(item) * max(low, high or 0) > _MAX_REPEAT:
                _fail("invalid repeat count", self.since(start))
            items.append(Repeat(item, low, high, lazy is self.flags.lazy))
        return items[0] if len(items) == 1 else Concatenation(tuple(items))

    def bounds(self) -> tuple[int, int | None] | None:
        """Read a repetition operator, if there is one here."""
        operator = self.peek()
        if operator in {"*", "+", "?"}:
            self.position += 1
            return int(operator == "+"), 1 if operator == "?" else None
        if operator != "{":
            return None
        end = self.pattern.find("}", self.position)
        first, comma, second = self.pattern[self.position + 1 : end].partition(",")
        if end < 0 or not _is_count(first) or not (second == "" or _is_count(second)):
            return None
        start, self.position = self.position, end + 1
        # Longer numbers than these are too large whatever they are.
        low = int(first[:6])
        high = (int(second[:6]) if second else None) if comma else low
        too_large = low > _MAX_REPEAT or (high is not None and high > _MAX_REPEAT)
        if too_large or (high is not None and high < low):
            _fail("invalid repeat count", self.since(start))
        return low, high

    def atom(self) -> list[Regex]:
        """Read one item; none for a flag group, several for quoted text."""
        character = self.peek()
        flags = self.flags
        if character == "(":
            return self.group()
        if character == "[":
            return [self.char_class()]
        if character == "\\":
            return self.escape()
        self.position += 1
        if character == ".":
            return [ANY if flags.dot_all else _NOT_NEWLINE]
        if character == "^":
            return [Assertion("begin_line" if flags.lines else "begin_text")]
        if character == "$":
            return [Assertion("end_line" if flags.lines else "end_text")]
        return [self.literal(ord(character))]

    def literal(self, code: int) -> Set:
        ranges: Ranges = ((code, code),)
        return Set(_folded(ranges) if self.flags.fold else ranges)

    # Groups

    def group(self) -> list[Regex]:
        start = self.position
        name = ""
        captures = self.peek(2) != "(?"
        outer = self.flags
        if captures:
            self.position += 1
        elif self.peek(4) == "(?P<" or (
            self.peek(3) == "(?<" and self.peek(4) not in {"(?<=", "(?<!"}
        ):
            captures = True
            name = self.group_name(start)
        elif not self.group_flags(start):
            return []
        item = self.alternation()
        if self.peek() != ")":
            _fail("missing closing )", self.pattern)
        self.position += 1
        self.flags = outer
        return [Group(item, name) if captures else _whole(item)]

    def group_name(self, start: int) -> str:
        begin = self.pattern.index("<", start) + 1
        end = self.pattern.find(">", begin)
        if end < 0:
            _fail("invalid named capture", self.pattern[start:])
        name = self.pattern[begin:end]
        if not name or not all(c == "_" or (c.isascii() and c.isalnum()) for c in name):
            _fail("invalid named capture", self.pattern[start : end + 1])
        self.position = end + 1
        return name

    def group_flags(self, start: int) -> bool:
        """Read ``(?i:`` or ``(?i)``; tell whether a group begins."""
        self.position += 2
        flags = self.flags._asdict()
        value = True
        seen = False
        while True:
            character = self.peek()
            self.position += 1
            if character in {"i", "m", "s", "U"}:
                names = {"i": "fold", "m": "lines", "s": "dot_all", "U": "lazy"}
                flags[names[character]] = value
                seen = True
            elif character == "-" and value:
                value = False
                # A minus must be followed by a flag.
                seen = False
            elif character in {":", ")"} and (seen or value):
                if character == ")" and not seen:
                    break
                self.flags = _Flags(**flags)
                return character == ":"
            else:
                break
        if self.position > len(self.pattern):
            _fail("missing argument to repetition operator", "?")
        _fail("invalid or unsupported Perl syntax", self.since(start))

    # Escapes and classes

    def escape(self) -> list[Regex]:
        start = self.position
        letter = self.pattern[start + 1 : start + 2]
        if letter == "Q":
            quoted, _, _ = self.pattern[start + 2 :].partition("\\E")
            self.position = min(start + 4 + len(quoted), len(self.pattern))
            return [self.literal(ord(character)) for character in quoted]
        if letter in _PLACES:
            self.position += 2
            return [Assertion(_PLACES[letter])]
        ranges = self.class_escape()
        if ranges is not None:
            return [Set(ranges)]
        return [self.literal(self.escaped_code())]

    def class_escape(self) -> Ranges | None:
        """Read a class of Perl or Unicode, if one is here."""
        start = self.position
        letter = self.pattern[start + 1 : start + 2]
        if letter and letter.lower() in _PERL:
            self.position += 2
            ranges = _PERL[letter.lower()]
            ranges = _folded(ranges) if self.flags.fold else ranges
            return _negated(ranges) if letter.isupper() else ranges
        if letter not in {"p", "P"}:
            return None
        end = start + 3
        if self.pattern[start + 2 : start + 3] == "{":
            end = self.pattern.find("}", start) + 1
        name = self.pattern[start + 2 : end].strip("{}")
        if end == 0 or not name:
            _fail("invalid character class range", self.pattern[start:])
        self.position = end
        negated = (letter == "P") != name.startswith("^")
        ranges = _unicode_class(name.removeprefix("^"), self.since(start))
        ranges = _folded(ranges) if self.flags.fold else ranges
        return _negated(ranges) if negated else ranges

    def escaped_code(self) -> int:
        start = self.position
        letter = self.pattern[start + 1 : start + 2]
        if not letter:
            _fail("trailing backslash at end of expression", "")
        self.position += 2
        if letter in _CONTROL:
            return _CONTROL[letter]
        if letter == "x":
            return self.hex_code(start)
        following = self.peek()
        # A single digit but 0 would be a back-reference, which this language lacks.
        if letter == "0" or (letter in _OCTAL and following and following in _OCTAL):
            digits = letter
            while len(digits) < 3 and self.peek() and self.peek() in _OCTAL:
                digits += self.peek()
                self.position += 1
            return int(digits, 8)
        if letter.isascii() and not letter.isalnum():
            return ord(letter)
        _fail("invalid escape sequence", self.since(start))

    def hex_code(self, start: int) -> int:
        braced = self.peek() == "{"
        if braced:
            end = self.pattern.find("}", self.position)
            digits = self.pattern[self.position + 1 : end] if end >= 0 else ""
            self.position = end + 1 if end >= 0 else len(self.pattern)
        else:
            digits = self.peek(2)
            self.position = min(self.position + 2, len(self.pattern))
        good = bool(digits) and all(digit in _HEX for digit in digits)
        if not good or (not braced and len(digits) != 2) or len(digits) > 8:
            _fail("invalid escape sequence", self.since(start))
        code = int(digits, 16)
        if code > _TOP:
            _fail("invalid escape sequence", self.since(start))
        return code

    def char_class(self) -> Set:
        start = self.position
        self.position += 1
        negated = self.peek() == "^"
        self.position += negated
        ranges: list[tuple[int, int]] = []
        first = True
        while first or self.peek() != "]":
            first = False
            if not self.peek():
                _fail("missing closing ]", self.pattern[start:])
            named = self.named_class(start)
            ranges.extend(self.class_range(start) if named is None else named)
        self.position += 1
        united = _united(ranges)
        return Set(_negated(united) if negated else united)

    def named_class(self, start: int) -> Ranges | None:
        if self.peek() == "\\":
            if self.position + 1 >= len(self.pattern):
                _fail("trailing backslash at end of expression", "")
            return self.class_escape()
        if self.peek(2) != "[:":
            return None
        end = self.pattern.find(":]", self.position + 2)
        if end < 0:
            return None
        name = self.pattern[self.position + 2 : end]
        ranges = _POSIX.get(name.removeprefix("^"))
        if ranges is None:
            _fail("invalid character class range", f"[:{name}:]")
        self.position = end + 2
        ranges = _folded(ranges) if self.flags.fold else ranges
        return _negated(ranges) if name.startswith("^") else ranges

    def class_range(self, class_start: int) -> Ranges:
        start = self.position
        low = high = self.class_code(class_start)
        if self.peek() == "-" and self.peek(2) not in {"-]", "-"}:
            self.position += 1
            high = self.class_code(class_start)
        if high < low:
            _fail("invalid character class range", self.since(start))
        ranges: Ranges = ((low, high),)
        return _folded(ranges) if self.flags.fold else ranges

    def class_code(self, class_start: int) -> int:
        if not self.peek():
            _fail("missing closing ]", self.pattern[class_start:])
        if self.peek() == "\\":
            return self.escaped_code()
        self.position += 1
        return ord(self.pattern[self.position - 1])


def _whole(item: Regex) -> Regex:
    """Keep a group together, so that what follows repeats all of it."""
    return Concatenation((item,)) if isinstance(item, Concatenation) else item


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _counted(item: Regex) -> int:
    """Multiply the counts of the repeats inside an item, along the largest path."""
    if isinstance(item, Repeat):
        return _counted(item.item) * max(item.low, item.high or 0, 1)
    if isinstance(item, Group):
        return _counted(item.item)
    if isinstance(item, Concatenation):
        return max(map(_counted, item.items), default=1)
    if isinstance(item, Alternation):
        return max(map(_counted, item.branches), default=1)
    return 1


# Sets of code points


def _united(ranges: list[tuple[int, int]]) -> Ranges:
    united: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if united and low <= united[-1][1] + 1:
            united[-1] = (united[-1][0], max(united[-1][1], high))
        else:
            united.append((low, high))
    return tuple(united)


def _negated(ranges: Ranges) -> Ranges:
    gaps: list[tuple[int, int]] = []
    start = 0
    for low, high in ranges:
        if low > start:
            gaps.append((start, low - 1))
        start = high + 1
    if start <= _TOP:
        gaps.append((start, _TOP))
    return tuple(gaps)


def _folded(ranges: Ranges) -> Ranges:
    """Add the other cases of all characters in the ranges."""
    more = list(ranges)
    for low, high in ranges:
        if high < 128:
            for code in range(max(low, 65), min(high, 122) + 1):
                more.extend((other, other) for other in _ascii_cases(code))
        else:
            for code, others in _case_orbits().items():
                if low <= code <= high:
                    more.extend((other, other) for other in others)
    return _united(more)


def _ascii_cases(code: int) -> list[int]:
    character = chr(code)
    if not character.isalpha():
        return []
    others = [ord(character.swapcase())]
    if character in "kK":
        others.append(0x212A)  # the Kelvin sign
    elif character in "sS":
        others.append(0x017F)  # the long s
    return others


@functools.lru_cache(maxsize=1)
def _case_orbits() -> dict[int, list[int]]:
    """Map each character that has cases to the others it folds together with."""
    groups: dict[str, set[int]] = {}
    for code in range(0x1E944):
        character = chr(code)
        lower, upper = character.lower(), character.upper()
        if lower == upper or len(lower) != 1 or len(upper) != 1:
            continue
        root = upper.lower()
        groups.setdefault(root if len(root) == 1 else lower, set()).add(code)
    return {
        code: sorted(group - {code})
        for group in groups.values()
        for code in group
        if len(group) > 1
    }


@functools.lru_cache(maxsize=64)
def _unicode_class(name: str, piece: str) -> Ranges:
    """Collect the characters of a general category; scripts are not known here."""
    if name == "Any":
        return ANY.ranges
    seconds = _CATEGORIES.get(name[:1], "")
    wanted = {name[:1] + second for second in name[1:] or seconds}
    if len(name) > 2 or not seconds or name[1:] not in seconds:
        _fail("invalid character class range", piece)
    category = unicodedata.category
    return _united(
        [(code, code) for code in range(_TOP + 1) if category(chr(code)) in wanted]
    )
