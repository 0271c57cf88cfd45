"""Write YAML in the reference's layout.

Indentation steps to the next multiple of the indent; inside a list it steps by the two
columns of the dash. Nothing is ever folded.

Source: modules-data 2.1.
"""

from __future__ import annotations

import base64
import functools
import math
from typing import TYPE_CHECKING, Any, NamedTuple

from wippy_trio.errors import InternalError, InvalidError
from wippy_trio.expr import float_text
from wippy_trio.lua import TypeValue
from wippy_trio.modules.yaml.scalars import reads_as_text

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Options", "encode"]

_MAX_DEPTH = 200
_MOST_COPIES = 20_000
"""Tables written; a table met again is written again, which could go on for ever."""
_LONGEST_KEY = 128
_FIRST = frozenset("#,[]{}&*!|>'\"%@`")
_ESCAPES = {
    "\0": "\\0",
    "\a": "\\a",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\v": "\\v",
    "\f": "\\f",
    "\r": "\\r",
    "\x1b": "\\e",
    '"': '\\"',
    "\\": "\\\\",
    "\x85": "\\N",
    "\u2028": "\\L",
    "\u2029": "\\P",
}


class Options(NamedTuple):
    """How to write.

    Attributes:
      field_order: Keys that come first, in this order, in every map.
      sort_unordered: Whether the other keys go by plain text order; else runs of
        digits in them compare as numbers.
    """

    field_order: tuple[str, ...] = ()
    sort_unordered: bool = False


def encode(
    value: list[Any] | dict[Any, Any],
    options: Options | None = None,
    *,
    empty_list_is_map: bool = True,
) -> str:
    """Write a list or map.

    Args:
      value: Made of None, bool, int, float, str, bytes, list and dict. Text that is
        no UTF-8 (bytes, or surrogate escapes) is written as ``!!binary``.
      options: With any, the indent is 2, without 4.
      empty_list_is_map: Write an empty list as ``{}``, since an empty Lua table
        arrives as one.

    Raises:
      InternalError: It contains itself, is nested too deeply, or holds something else.
    """
    emitter = _Emitter(options, empty_list_is_map=empty_list_is_map)
    shown = emitter.inline_collection(value)
    if shown is not None:
        return shown + "\n"
    try:
        return "\n".join(emitter.collection(value, 0)) + "\n"
    except RecursionError as error:
        raise InternalError("table is nested too deeply") from error


class _Emitter:
    __slots__ = ("_empty_list", "_indent", "_met", "_open", "_options", "_written")

    def __init__(self, options: Options | None, *, empty_list_is_map: bool) -> None:
        self._indent = 4 if options is None else 2
        self._options = options or Options()
        self._empty_list = "{}" if empty_list_is_map else "[]"
        self._open: set[int] = set()
        self._met: set[int] = set()
        self._written = 0

    def next_indent(self, indent: int) -> int:
        step = self._indent
        return step * ((indent + step) // step)

    def inline_collection(self, value: Any) -> str | None:
        """Write an empty collection; None for what is no empty collection."""
        if isinstance(value, dict) and not value:
            return "{}"
        if isinstance(value, list) and not value:
            return self._empty_list
        return None

    def collection(self, value: list[Any] | dict[Any, Any], indent: int) -> list[str]:
        """Write the lines of a collection that is not empty."""
        key = id(value)
        if key in self._open:
            raise InternalError("recursive table")
        if len(self._open) >= _MAX_DEPTH:
            raise InternalError(f"table is nested more than {_MAX_DEPTH} deep")
        self._met.add(key)
        self._written += 1
        if self._written > _MOST_COPIES and self._written > 10 * len(self._met):
            raise InternalError("the same tables are met too often")
        self._open.add(key)
        if isinstance(value, dict) and all(type(k) is int and k > 0 for k in value):
            value = _filled(value)
        if isinstance(value, dict):
            lines = self._map(value, indent)
        else:
            lines = self._list(value, indent)
        self._open.discard(key)
        return lines

    def _list(self, items: list[Any], indent: int) -> list[str]:
        lines: list[str] = []
        inner = indent + 2
        for item in items:
            block = self._value(item, indent, inner)
            if block is None:
                block = self.collection(item, inner)
                block[0] = block[0][inner:]
            block[0] = f"{' ' * indent}- {block[0]}"
            lines += block
        return lines

    def _map(self, mapping: dict[Any, Any], indent: int) -> list[str]:
        lines: list[str] = []
        inner = self.next_indent(indent)
        margin = " " * indent
        for key, item in self._ordered(mapping):
            head, simple = _key(key)
            if simple:
                head = f"{margin}{head}:"
            else:
                first, *rest = _scalar(key, indent, inner)
                lines += [f"{margin}? {first}", *rest]
                head = f"{margin}:"
            block = self._value(item, indent, inner)
            if block is None:
                lines += [head, *self.collection(item, inner)]
            else:
                block[0] = f"{head} {block[0]}"
                lines += block
        return lines

    def _value(self, value: Any, outer: int, inner: int) -> list[str] | None:
        """Write a scalar or an empty collection; None for any other collection."""
        shown = self.inline_collection(value)
        if shown is not None:
            return [shown]
        if isinstance(value, (list, dict)):
            return None
        return _scalar(value, outer, inner)

    def _ordered(self, mapping: dict[Any, Any]) -> Iterable[tuple[str, Any]]:
        named = {_key_text(key): item for key, item in mapping.items()}
        listed = [key for key in self._options.field_order if key in named]
        rest = [key for key in named if key not in set(listed)]
        if self._options.sort_unordered:
            rest.sort()
        else:
            rest.sort(key=functools.cmp_to_key(_natural))
        return [(key, named[key]) for key in dict.fromkeys([*listed, *rest])]


def _filled(items: dict[int, Any]) -> list[Any] | dict[int, Any]:
    """Make a list of a table with the keys 1..n and holes; not if it is all holes."""
    last = max(items)
    if last > 100 * len(items) + 1000:
        return items
    return [items.get(index) for index in range(1, last + 1)]


# Keys


def _key_text(key: Any) -> str:
    if isinstance(key, bytes):
        return key.decode("utf-8", "surrogateescape")
    if isinstance(key, bool):
        return "true" if key else "false"
    return float_text(key) if isinstance(key, float) else str(key)


def _key(text: str) -> tuple[str, bool]:
    """Write a key on one line, and tell whether it may stand before a colon."""
    size = len(text.encode("utf-8", "surrogateescape"))
    if size > _LONGEST_KEY or "\n" in text:
        return "", False
    return _scalar(text, 0, 0)[0], True


def _natural(left: str, right: str) -> int:
    """Compare keys so that runs of digits count as numbers, and letters come last."""
    digits = False
    for index, (a, b) in enumerate(zip(left, right, strict=False)):
        if a == b:
            digits = a.isdigit()
            continue
        if a.isalpha() and b.isalpha():
            return -1 if a < b else 1
        if a.isalpha() or b.isalpha():
            # After a common run of digits the shorter number comes first.
            return -1 if a.isalpha() is digits else 1
        return _by_number(left, right, index)
    return len(left) - len(right)


def _by_number(left: str, right: str, index: int) -> int:
    first, a = _run(left, index)
    second, b = _run(right, index)
    if "0" in {left[index], right[index]}:
        # Zeros after other digits belong to the number that these began.
        before = left[:index]
        run = before[len(before.rstrip("0123456789")) :]
        if run.strip("0"):
            first, second = f"1{first}", f"1{second}"
    values = int(first or "0"), int(second or "0")
    if values[0] != values[1]:
        return -1 if values[0] < values[1] else 1
    if a != b:
        return -1 if a < b else 1
    return -1 if left[index] < right[index] else 1


def _run(text: str, start: int) -> tuple[str, int]:
    end = start
    while end < len(text) and end < start + 18 and "0" <= text[end] <= "9":
        end += 1
    return text[start:end], end


# Scalars


def _scalar(value: Any, outer: int, inner: int) -> list[str]:
    """Write a scalar: the text after its key or dash, and the lines below.

    Args:
      value: The scalar.
      outer: The column of the key or dash it belongs to.
      inner: The column of the lines below.
    """
    if isinstance(value, str):
        return _text(value, outer, inner)
    if isinstance(value, bytes):
        return _text(value.decode("utf-8", "surrogateescape"), outer, inner)
    if value is None:
        return ["null"]
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, int):
        return [str(value)]
    if isinstance(value, float):
        if math.isnan(value):
            return [".nan"]
        if math.isinf(value):
            return [".inf" if value > 0 else "-.inf"]
        return [float_text(value)]
    if isinstance(value, TypeValue):
        raise InvalidError("type values cannot be encoded")  # types 2.3
    return _text(str(value), outer, inner)  # an error, or a handle


def _text(text: str, outer: int, inner: int) -> list[str]:
    if any("\ud800" <= character <= "\udfff" for character in text):
        data = text.encode("utf-8", "surrogateescape")
        return [f"!!binary {base64.b64encode(data).decode()}"]
    if _is_special(text) or not text:
        return [_double_quoted(text)]
    if "\n" in text:
        return _literal(text, outer, inner)
    if not reads_as_text(text):
        return [_double_quoted(text)]
    return [_single_quoted(text) if _has_syntax(text) else text]


def _is_special(text: str) -> bool:
    """Tell whether a text only survives in double quotes."""
    if text.isascii() and text.isprintable():
        return False
    if text.endswith(" ") and "\n" in text:
        return True
    if " \n" in text:
        return True
    return any(character != "\n" and not _is_plain(character) for character in text)


def _is_plain(character: str) -> bool:
    return (
        " " <= character <= "~"
        or "\xa0" <= character <= "\ud7ff"
        or "\ue000" <= character <= "\ufffd"
    ) and character not in "\u2028\u2029\ufeff"


def _has_syntax(text: str) -> bool:
    """Tell whether an unquoted text of one line would be read as YAML."""
    if text.startswith(("---", "...")) or text[0] == " " or text[-1] == " ":
        return True
    if text[0] in _FIRST:
        return True
    if text[0] in "?:-" and text[1:2] in {"", " "}:
        return True
    return text.endswith(":") or ": " in text or " #" in text


def _single_quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _double_quoted(text: str) -> str:
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    short = _ESCAPES.get(character)
    if short is not None:
        return short
    if _is_plain(character):
        return character
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def _literal(text: str, outer: int, inner: int) -> list[str]:
    # A first line that begins with a space or is empty hides where the text begins.
    hint = str(inner - outer) if text[0] in " \n" else ""
    if not text.endswith("\n"):
        chomp, lines = "-", text.split("\n")
    else:
        chomp = "+" if text.endswith("\n\n") or text == "\n" else ""
        lines = text[:-1].split("\n")
    margin = " " * inner
    return [f"|{hint}{chomp}", *(margin + line if line else "" for line in lines)]
