"""YAML as the reference types it, and JSON beside it.

PyYAML composes nodes with its C parser; values are built from the nodes here, because
scalar types, text keys, duplicate keys, tags and aliases all differ from what PyYAML's
own constructors do, and one pass over the nodes settles them together.

PyYAML is imported at the first use.
"""

from __future__ import annotations

import json
import math
import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from wippy_trio.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Callable


__all__ = [
    "MAX_DEPTH",
    "MAX_VALUES",
    "Document",
    "YamlError",
    "load_document",
    "load_yaml",
    "plain_scalar",
]

MAX_VALUES = 1_000_000
"""Values a file may hold, those reached by alias counted each time."""

MAX_DEPTH = 200
"""How deep collections may be nested."""

_PLAIN = "?"  # the tag we give to unquoted scalars without a tag
_PREFIX = "tag:yaml.org,2002:"
_STR, _SEQ, _MAP = _PREFIX + "str", _PREFIX + "seq", _PREFIX + "map"
_SPECIAL = frozenset("0123456789+-.~nNtTfF")  # how a scalar that is no text begins
_WORDS: dict[str, Any] = {
    "": None,
    "~": None,
    **dict.fromkeys(("null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_INTEGER = re.compile(
    r"([-+]?)(?:0b([01_]+)|0o([0-7_]+)|0x([0-9a-fA-F_]+)|0([0-7_]+)|([0-9][0-9_]*))"
)
_FLOAT = re.compile(
    r"[-+]?(?:\.[0-9][0-9_]*|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?"
)


class YamlError(InvalidError):
    """Text that is no YAML, or YAML that this loader does not take.

    The message begins with ``file:line:column``; both count from one, and are 0 where
    the place is not known.
    """

    def __init__(self, file: str, line: int, column: int, problem: str) -> None:
        place = f"{file}:{line}:{column}" if line else file
        super().__init__(f"{place}: {problem}")
        self.file = file
        self.line = line
        self.column = column
        self.problem = problem


class Document(NamedTuple):
    """A value and the lines on which the items of its ``entries`` list begin."""

    value: Any
    lines: tuple[int, ...]


def load_yaml(raw: bytes | str, file: str) -> Any:
    """Read the one document of a YAML text.

    Args:
      raw: The text; bytes are UTF-8.
      file: What to call it in errors.

    Raises:
      YamlError: The text is malformed, holds several documents, a duplicate key, a
        tag, a key that is no text, an alias inside itself, or too much.

    Source: apps 1.7.
    """
    return load_document(raw, file).value


def load_document(raw: bytes | str, file: str) -> Document:
    """Read like :func:`load_yaml`; a file named ``.json`` is read as JSON.

    Raises:
      YamlError: As :func:`load_yaml`.
    """
    if file.endswith(".json"):
        return Document(_load_json(raw, file), ())
    node = _compose(raw, file)
    if node is None:
        return Document(None, ())
    builder = _Builder(file)
    try:
        value = builder.build(node, 0)
    except RecursionError as error:
        problem = f"nested deeper than {MAX_DEPTH} levels"
        raise builder.error(node, problem) from error
    return Document(value, _entry_lines(node))


@lru_cache(maxsize=4096)
def plain_scalar(text: str) -> Any:
    """Give an unquoted scalar its type: nil, a boolean, a number, else text.

    Source: apps 1.7.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _SPECIAL:
        return text
    integer = _integer(text)
    if integer is not None:
        return integer
    if _FLOAT.fullmatch(text):
        return float(text.replace("_", ""))
    return text


def _integer(text: str) -> int | float | None:
    match = _INTEGER.fullmatch(text)
    if match is None:
        return None
    for group, base in ((2, 2), (3, 8), (4, 16), (5, 8), (6, 10)):
        digits = match[group]
        if digits is not None:
            digits = digits.replace("_", "")
            if not digits:
                return None if group < 5 else 0
            if base == 10 and len(digits) > 20:  # Python converts 4300 at most
                return float(match[1] + digits)
            number = int(digits, base)
            return _bounded(-number if match[1] == "-" else number)
    return None


def _bounded(number: int) -> int | float:
    """Turn what does not fit into 64 bits into a float, as Lua would."""
    if -(2**63) <= number < 2**63:
        return number
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


@cache
def _loader() -> Callable[[bytes | str], Any]:
    import yaml  # noqa: PLC0415 - costs 20 ms, and not every command reads YAML

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        """Compose nodes whose unquoted scalars are typed later."""

        def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
            if kind is yaml.ScalarNode:
                return _PLAIN if implicit[0] else _STR
            return _SEQ if kind is yaml.SequenceNode else _MAP

        def descend_resolver(self, node: Any, index: Any) -> None:
            """Skip: there are no resolvers by path."""

        def ascend_resolver(self) -> None:
            """Skip: there are no resolvers by path."""

    return Loader


def _has_tab(raw: bytes | str, line: int) -> bool:
    text = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else raw
    lines = text.splitlines()
    return line < len(lines) and lines[line].lstrip(" ")[:1] == "\t"


def _compose(raw: bytes | str, file: str) -> Any:
    import yaml  # noqa: PLC0415 - as above

    loader = None
    try:
        loader = _loader()(raw)
        return loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        start = error.context_mark
        problem = error.problem or ""
        if error.context:
            context = error.context
            if start and mark and start.line != mark.line:
                context += f" from line {start.line + 1} on"
            problem = f"{context}: {problem}" if problem else context
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        if "cannot start any token" in problem and mark and _has_tab(raw, mark.line):
            problem = "found a tab, wanted spaces"
        raise YamlError(file, line, column, problem) from error
    except yaml.YAMLError as error:
        line, column = _position(raw, getattr(error, "position", None))
        problem = str(getattr(error, "reason", None) or error).splitlines()[0]
        raise YamlError(file, line, column, problem) from error
    except (UnicodeError, RecursionError) as error:
        raise YamlError(file, 0, 0, str(error)) from error
    finally:
        if loader is not None:
            loader.dispose()


def _position(raw: bytes | str, position: object) -> tuple[int, int]:
    if not isinstance(position, int) or not 0 <= position <= len(raw):
        return 0, 0
    before = raw[:position]
    newline: Any = b"\n" if isinstance(before, bytes) else "\n"
    return before.count(newline) + 1, position - (before.rfind(newline) + 1) + 1


def _entry_lines(root: Any) -> tuple[int, ...]:
    if root.tag == _MAP and isinstance(root.value, list):
        for key, value in root.value:
            if key.value == "entries" and value.tag == _SEQ:
                return tuple(item.start_mark.line + 1 for item in value.value)
    return (root.start_mark.line + 1,)


class _Builder:
    """Build the value of a node and of what is below it."""

    __slots__ = ("_built", "_count", "_file", "_open", "_scalar")

    def __init__(self, file: str) -> None:
        import yaml  # noqa: PLC0415 - as above

        self._file = file
        self._scalar = yaml.ScalarNode
        self._count = 0
        self._built: dict[
            int, tuple[Any, int]
        ] = {}  # by id(); the root keeps all alive
        self._open: set[int] = set()

    def build(self, node: Any, depth: int) -> Any:
        if type(node) is self._scalar:
            self._count += 1
            return self._text(node)
        key = id(node)
        built = self._built.get(key)
        if built is not None:
            self._count += built[1]
            if self._count > MAX_VALUES:
                raise self._too_many(node)
            return built[0]
        if key in self._open:
            raise self.error(node, "an alias inside the value it names")
        if depth > MAX_DEPTH:
            raise self.error(node, f"nested deeper than {MAX_DEPTH} levels")
        self._open.add(key)
        start = self._count
        self._count += 1
        tag = node.tag
        if tag == _MAP and self._is_map(node):
            value: Any = self._map(node, depth + 1)
        elif tag == _SEQ and not self._is_map(node):
            value = [self.build(item, depth + 1) for item in node.value]
        else:
            raise self.error(node, f"unsupported tag {_shown(tag)}")
        if self._count > MAX_VALUES:
            raise self._too_many(node)
        self._open.discard(key)
        self._built[key] = (value, self._count - start)
        return value

    def error(self, node: Any, problem: str) -> YamlError:
        mark = node.start_mark
        return YamlError(self._file, mark.line + 1, mark.column + 1, problem)

    @staticmethod
    def _is_map(node: Any) -> bool:
        return bool(node.id == "mapping")

    def _map(self, node: Any, depth: int) -> dict[str, Any]:
        own: dict[str, Any] = {}
        lines: dict[str, int] = {}
        merged: dict[str, Any] | None = None
        for key_node, value_node in node.value:
            key, is_merge = self._key(key_node)
            if key in lines:
                first = lines[key]
                raise self.error(
                    key_node, f'duplicate key "{key}", first on line {first}'
                )
            lines[key] = key_node.start_mark.line + 1
            if is_merge:
                merged = self._merged(value_node, depth)
            else:
                own[key] = self.build(value_node, depth)
        return own if merged is None else {**merged, **own}

    def _key(self, node: Any) -> tuple[str, bool]:
        if type(node) is not self._scalar:
            raise self.error(node, f"wanted text as a key, found a {node.id}")
        if node.tag not in {_PLAIN, _STR}:
            self._text(node)  # a tag that does not fit its text is an error here too
        text: str = node.value
        return text, text == "<<" and node.tag == _PLAIN

    def _merged(self, node: Any, depth: int) -> dict[str, Any]:
        value = self.build(node, depth)
        items = value if isinstance(value, list) else [value]
        result: dict[str, Any] = {}
        for item in items:
            if not isinstance(item, dict):
                raise self.error(node, "wanted a mapping, or a list of them, to merge")
            for key, found in item.items():
                result.setdefault(key, found)
        return result

    def _text(self, node: Any) -> Any:
        text, tag = node.value, node.tag
        if tag == _PLAIN:
            if text and text[0] not in _SPECIAL:
                return text
            return plain_scalar(text)
        if tag == _STR:
            return text
        short = tag.removeprefix(_PREFIX)
        if short == "timestamp":
            return text
        value = plain_scalar(text)
        if short == "null" and value is None:
            return None
        if short == "bool" and isinstance(value, bool):
            return value
        if short in {"int", "float"} and type(value) in {int, float}:
            if short == "float":
                return float(value)
            if isinstance(value, int):
                return value
        if short in {"null", "bool", "int", "float"}:
            raise self.error(node, f"{text!r} is no {short}")
        raise self.error(node, f"unsupported tag {_shown(tag)}")

    def _too_many(self, node: Any) -> YamlError:
        return self.error(node, f"more than {MAX_VALUES} values, aliases expanded")


def _shown(tag: str) -> str:
    return "!!" + tag.removeprefix(_PREFIX) if tag.startswith(_PREFIX) else tag


def _load_json(raw: bytes | str, file: str) -> Any:
    try:
        text = raw.decode("utf-8-sig") if isinstance(raw, bytes) else raw
    except UnicodeDecodeError as error:
        line, column = _position(raw, error.start)
        raise YamlError(file, line, column, f"not UTF-8: {error.reason}") from error

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(items)
        if len(result) != len(items):
            seen: set[str] = set()
            for key, _ in items:
                if key in seen:
                    raise YamlError(file, 0, 0, f'duplicate key "{key}"')
                seen.add(key)
        return result

    def constant(name: str) -> NoReturn:
        raise YamlError(file, 0, 0, f"{name} is no JSON")

    try:
        value = json.loads(
            text,
            object_pairs_hook=pairs,
            parse_int=_integer,
            parse_constant=constant,
        )
    except json.JSONDecodeError as error:
        raise YamlError(file, error.lineno, error.colno, error.msg) from error
    except RecursionError as error:
        problem = f"nested deeper than {MAX_DEPTH} levels"
        raise YamlError(file, 0, 0, problem) from error
    if _depth_exceeds(value):
        raise YamlError(file, 0, 0, f"nested deeper than {MAX_DEPTH} levels")
    return value


def _depth_exceeds(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH + 2):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        if not below:
            return False
        level = below
    return True
