"""Regular expressions: our parser for the language and its errors, RE2 for the search.

All offsets are bytes. A byte that is no UTF-8 counts as one character, U+FFFD, which
RE2 does not know: such subjects are searched in a copy with that character in its
place, and the offsets are translated.

Source: modules-data 10.1.
"""

from __future__ import annotations

import functools
from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from wippy_trio.expr import parse_regex
from wippy_trio.expr.re2_syntax import Alternation, Concatenation, Group, Repeat
from wippy_trio.sdk import InvalidError, MisuseError, method

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wippy_trio.expr.re2_syntax import Regex

__all__ = ["Regexp", "compile_regexp"]

LARGE = 256 * 1024
_MEMORY = 64 * 1024 * 1024
_REPLACEMENT = "\ufffd".encode()
_MOST_OUTPUT = 256 * 1024 * 1024

Span = tuple[int, int]


class Subject:
    """A text to search, and how its offsets become those of the original."""

    __slots__ = ("_ends", "original", "searched")

    def __init__(self, original: bytes) -> None:
        self.original = original
        self.searched = original
        self._ends: list[int] = []
        if original.isascii():
            return
        try:
            original.decode()
        except UnicodeDecodeError:
            self._repair()

    def _repair(self) -> None:
        text = self.original.decode("utf-8", "surrogateescape")
        pieces: list[bytes] = []
        size = 0
        for character in text:
            if "\udc80" <= character <= "\udcff":
                piece = _REPLACEMENT
                self._ends.append(size + len(piece))
            else:
                piece = character.encode()
            pieces.append(piece)
            size += len(piece)
        self.searched = b"".join(pieces)

    def offset(self, place: int) -> int:
        """Translate an offset: each replaced byte before it took two bytes more."""
        return place - 2 * bisect_left(self._ends, place + 1) if self._ends else place

    def piece(self, span: Span) -> bytes:
        return self.original[self.offset(span[0]) : self.offset(span[1])]

    def after(self, place: int) -> int:
        """Give the place one character further."""
        place += 1
        text = self.searched
        while place < len(text) and text[place] & 0xC0 == 0x80:
            place += 1
        return place


class Regexp:
    """A compiled expression."""

    lua_name = "text.Regexp"

    def __init__(self, pattern: bytes, compiled: Any, names: list[str]) -> None:
        self._pattern = pattern
        self._compiled = compiled
        self._names = names

    def __str__(self) -> str:
        return self._pattern.decode("utf-8", "replace")

    # -- searching ---------------------------------------------------------------------

    def _first(self, subject: Subject) -> Any:
        return self._compiled.search(subject.searched)

    def _all(self, subject: Subject) -> Iterator[Any]:
        """Give all matches in turn.

        An empty one that touches the end of the one before does not count; after an
        empty one the search goes on one character further.
        """
        search, text = self._compiled.search, subject.searched
        place, last = 0, -1
        while place <= len(text):
            match = search(text, place)
            if match is None:
                return
            start, end = match.span()
            counts = not (start == end == last)
            last = end
            place = subject.after(end) if end == place else end
            if counts:
                yield match

    def _groups(self, subject: Subject, match: Any) -> list[bytes]:
        spans = [match.span(index) for index in range(len(self._names))]
        return [b"" if span[0] < 0 else subject.piece(span) for span in spans]

    @staticmethod
    def _indexes(subject: Subject, match: Any) -> list[int]:
        start, end = match.span()
        return [subject.offset(start) + 1, subject.offset(end)]

    # -- what Lua sees -----------------------------------------------------------------

    @method(pair=False, offload=LARGE)
    def match_string(self, text: bytes) -> bool:
        """Tell whether it matches anywhere."""
        return self._first(Subject(text)) is not None

    @method(pair=False, offload=LARGE)
    def find_string(self, text: bytes) -> bytes | None:
        """Give the first match; nothing for an empty one, too."""
        subject = Subject(text)
        match = self._first(subject)
        return None if match is None else subject.piece(match.span()) or None

    @method(pair=False, offload=LARGE)
    def find_all_string(self, text: bytes) -> list[bytes]:
        """Give all matches."""
        subject = Subject(text)
        return [subject.piece(match.span()) for match in self._all(subject)]

    @method(pair=False, offload=LARGE)
    def find_string_submatch(self, text: bytes) -> list[bytes] | None:
        """Give the first match and its groups."""
        subject = Subject(text)
        match = self._first(subject)
        return None if match is None else self._groups(subject, match)

    @method(pair=False, offload=LARGE)
    def find_all_string_submatch(self, text: bytes) -> list[list[bytes]]:
        """Give all matches with their groups."""
        subject = Subject(text)
        return [self._groups(subject, match) for match in self._all(subject)]

    @method(pair=False, offload=LARGE)
    def find_string_index(self, text: bytes) -> list[int] | None:
        """Give first and last byte of the first match, as `string.sub` wants them."""
        subject = Subject(text)
        match = self._first(subject)
        return None if match is None else self._indexes(subject, match)

    @method(pair=False, offload=LARGE)
    def find_all_string_index(self, text: bytes) -> list[list[int]] | None:
        """Give those of all matches; nothing if there are none."""
        subject = Subject(text)
        return [self._indexes(subject, match) for match in self._all(subject)] or None

    @method(pair=False, offload=LARGE)
    def replace_all_string(self, text: bytes, template: bytes) -> bytes:
        """Put a template in the place of each match."""
        subject = Subject(text)
        parts = _template(template, self._names)
        pieces: list[bytes] = []
        size = last = 0
        for match in self._all(subject):
            start, end = match.span()
            made = [subject.piece((last, start))]
            for part in parts:
                if isinstance(part, bytes):
                    made.append(part)
                    continue
                for group in part:
                    span = match.span(group)
                    if span[0] >= 0:
                        made.append(subject.piece(span))
                        break
            last = end
            size += sum(map(len, made))
            if size > _MOST_OUTPUT:
                raise MisuseError(
                    "bad argument (replacing would make more than 256 MiB)"
                )
            pieces += made
        pieces.append(subject.piece((last, len(subject.searched))))
        return b"".join(pieces)

    @method(pair=False, offload=LARGE)
    def split(self, text: bytes, n: int | None = None) -> list[bytes]:
        """Cut at the matches into at most n pieces; a negative n, or none, cuts all."""
        most = -1 if n is None else n
        if most == 0:
            return []
        if self._pattern and not text:
            return [b""]
        subject = Subject(text)
        pieces: list[bytes] = []
        begin = end = 0
        for match in self._all(subject):
            if most > 0 and len(pieces) == most - 1:
                break
            start, after = match.span()
            end = start
            if after != 0:
                pieces.append(subject.piece((begin, end)))
            begin = after
        size = len(subject.searched)
        if end != size:
            pieces.append(subject.piece((begin, size)))
        return pieces

    @method(pair=False)
    def num_subexp(self) -> int:
        """Count the groups, without the whole match."""
        return len(self._names) - 1

    @method(pair=False)
    def subexp_names(self) -> list[str]:
        """Name the groups, the whole match first; those without a name are empty."""
        return list(self._names)

    @method(pair=False)
    def string(self) -> bytes:
        """Give the pattern."""
        return self._pattern


def _template(template: bytes, names: list[str]) -> list[bytes | tuple[int, ...]]:
    """Cut a template into its text and the groups it names.

    A name that stands for several groups takes the first of them that matched.
    """
    text = template.decode("utf-8", "surrogateescape")
    parts: list[bytes | tuple[int, ...]] = []
    plain, place = "", 0
    while place < len(text):
        dollar = text.find("$", place)
        if dollar < 0:
            plain += text[place:]
            break
        plain += text[place:dollar]
        if text.startswith("$$", dollar):
            plain += "$"
            place = dollar + 2
            continue
        name, after = _name(text, dollar + 1)
        if not name:
            plain += "$"
            place = dollar + 1
            continue
        if plain:
            parts.append(plain.encode("utf-8", "surrogateescape"))
            plain = ""
        parts.append(_groups_of(name, names))
        place = after
    if plain:
        parts.append(plain.encode("utf-8", "surrogateescape"))
    return parts


def _name(text: str, place: int) -> tuple[str, int]:
    """Read a group's name, with or without braces; an empty one if it is malformed."""
    braced = text.startswith("{", place)
    start = end = place + braced
    while end < len(text) and (text[end].isalnum() or text[end] == "_"):
        end += 1
    if not braced:
        return text[start:end], end
    if not text.startswith("}", end):
        return "", place
    return text[start:end], end + 1


def _groups_of(name: str, names: list[str]) -> tuple[int, ...]:
    if name.isascii() and name.isdigit() and (name == "0" or name[0] != "0"):
        number = int(name[:9])
        return (number,) if number < len(names) and len(name) < 9 else ()
    return tuple(index for index, known in enumerate(names) if known == name)


@functools.lru_cache(maxsize=512)
def compile_regexp(pattern: bytes) -> Regexp:
    """Compile an expression; the last 512 are kept.

    Raises:
      InvalidError: It is malformed; the text begins ``error parsing regexp: ``.
    """
    try:
        text = pattern.decode()
    except UnicodeDecodeError:
        shown = pattern.decode("utf-8", "replace")
        raise InvalidError(
            f"error parsing regexp: invalid UTF-8: `{shown}`", retryable=False
        ) from None
    tree = parse_regex(text)
    library = _library()
    options = library.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        compiled = library.compile(pattern, options)
    except library.error as error:
        reason = error.args[0] if error.args else "refused"
        if isinstance(reason, bytes):
            reason = reason.decode("utf-8", "replace")
        raise InvalidError(f"error parsing regexp: {reason}", retryable=False) from None
    names = ["", *_names(tree)]
    if len(names) != compiled.groups + 1:  # the parser left out what never matches
        names = [""] * (compiled.groups + 1)
        for name, index in compiled.groupindex.items():
            names[index] = name.decode() if isinstance(name, bytes) else name
    return Regexp(pattern, compiled, names)


def _library() -> Any:
    import re2  # noqa: PLC0415 - an extra

    return re2


def _names(tree: Regex) -> Iterator[str]:
    """Give the names of the groups in the order of their opening brackets."""
    if isinstance(tree, Group):
        yield tree.name
        yield from _names(tree.item)
    elif isinstance(tree, Concatenation):
        for item in tree.items:
            yield from _names(item)
    elif isinstance(tree, Alternation):
        for branch in tree.branches:
            yield from _names(branch)
    elif isinstance(tree, Repeat):
        yield from _names(tree.item)
