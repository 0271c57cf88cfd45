"""Read YAML: PyYAML's C parser makes nodes, the values are built here.

Scalar types, keys, tags, duplicate keys and aliases all differ from what PyYAML's own
constructors do. PyYAML is imported at the first use.

Source: modules-data 2.2.
"""

from __future__ import annotations

import base64
import binascii
from functools import cache
from typing import TYPE_CHECKING, Any

from wippy_trio.errors import InternalError
from wippy_trio.modules.yaml.scalars import (
    OutOfRangeError,
    plain_value,
    timestamp_seconds,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["YamlConversionError", "YamlSyntaxError", "decode"]

MAX_DEPTH = 200
MAX_EXPANDED = 100_000
"""Values reached by alias, at most."""

_PREFIX = "tag:yaml.org,2002:"
_PLAIN, _STR, _SEQ, _MAP = "?", f"{_PREFIX}str", f"{_PREFIX}seq", f"{_PREFIX}map"


class YamlSyntaxError(InternalError):
    """The text is no YAML; the message says on which line."""


class YamlConversionError(InternalError):
    """The text is YAML, but says something that Lua has no value for."""


def decode(text: bytes | str) -> Any:
    """Read the first document of a YAML text.

    Args:
      text: The text; bytes are UTF-8.

    Returns:
      None for a text of blanks and comments; text as `str`, ``!!binary`` as `bytes`;
      maps with text keys, in the order of the text.

    Raises:
      YamlSyntaxError: It is malformed, has a duplicate key, an unknown alias or a key
        that is no scalar, or expands to too much.
      YamlConversionError: It has an integer of 64 bits that needs them all.
    """
    node = _compose(text)
    if node is None:
        return None
    try:
        return _Builder().build(node, 0)
    except RecursionError as error:
        raise _syntax(None, "nested too deeply") from error


@cache
def _loader() -> Callable[[bytes | str], Any]:
    import yaml  # noqa: PLC0415 - costs 20 ms, and not every program reads YAML

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(base):  # type: ignore[misc]
        """Leave the types of unquoted scalars to the builder."""

        def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
            if kind is yaml.ScalarNode:
                return _PLAIN if implicit[0] else _STR
            return _SEQ if kind is yaml.SequenceNode else _MAP

        def descend_resolver(self, node: Any, index: Any) -> None:
            """Skip: there are no resolvers by path."""

        def ascend_resolver(self) -> None:
            """Skip: there are no resolvers by path."""

    return Loader


def _compose(text: bytes | str) -> Any:
    import yaml  # noqa: PLC0415 - as above

    loader: Any = None
    try:
        if isinstance(text, str):
            text = text.encode()
        text.decode()  # the parser would guess at UTF-16
        loader = _loader()(text)
        return loader.get_node() if loader.check_node() else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        parts = [part for part in (error.context, error.problem) if part]
        problem = ": ".join(parts) or "malformed"
        raise _syntax(mark.line if mark else None, problem) from error
    except yaml.YAMLError as error:
        problem = str(getattr(error, "reason", None) or error).splitlines()[0]
        raise _syntax(None, problem) from error
    except UnicodeError as error:
        raise _syntax(None, "not UTF-8") from error
    except RecursionError as error:
        raise _syntax(None, "nested too deeply") from error
    finally:
        if loader is not None:
            loader.dispose()


def _syntax(line: int | None, problem: str) -> YamlSyntaxError:
    place = "" if line is None else f"line {line + 1}: "
    return YamlSyntaxError(f"yaml: {place}{problem}")


class _Builder:
    __slots__ = ("_built", "_expanded", "_open")

    def __init__(self) -> None:
        self._built: dict[int, tuple[Any, int]] = {}
        self._open: set[int] = set()
        self._expanded = 0

    def build(self, node: Any, depth: int) -> Any:
        """Build the value of a node.

        An alias gives the same node again: its value is built once, and what it holds
        counts each time, so that a few lines cannot stand for millions of values.
        """
        return self._build(node, depth)[0]

    def _build(self, node: Any, depth: int) -> tuple[Any, int]:
        if node.id == "scalar":
            return self._scalar(node), 1
        key = id(node)
        built = self._built.get(key)
        if built is not None:
            self._expanded += built[1]
            if self._expanded > MAX_EXPANDED:
                raise self._refuse(node, "document contains excessive aliasing")
            return built
        if key in self._open:
            raise self._refuse(node, "anchor value contains itself")
        if depth > MAX_DEPTH:
            raise self._refuse(node, "nested too deeply")
        self._open.add(key)
        if node.id == "sequence":
            value, size = self._list(node, depth + 1)
        else:
            value, size = self._map(node, depth + 1)
        self._open.discard(key)
        self._built[key] = value, size
        return value, size

    @staticmethod
    def _refuse(node: Any, problem: str) -> YamlSyntaxError:
        return _syntax(node.start_mark.line, problem)

    def _list(self, node: Any, depth: int) -> tuple[Any, int]:
        pairs = [self._build(item, depth) for item in node.value]
        return [value for value, _ in pairs], 1 + sum(size for _, size in pairs)

    def _map(self, node: Any, depth: int) -> tuple[Any, int]:
        own: dict[str, Any] = {}
        lines: dict[str, int] = {}
        merged: dict[str, Any] = {}
        total = 1
        for key_node, value_node in node.value:
            if key_node.id != "scalar":
                raise self._refuse(key_node, f"invalid map key: a {key_node.id}")
            key = self._key(key_node)
            if key in lines:
                raise self._refuse(
                    key_node, f'key "{key}" already defined at line {lines[key]}'
                )
            lines[key] = key_node.start_mark.line + 1
            value, size = self._build(value_node, depth)
            total += size
            if key == "<<" and key_node.tag in {_PLAIN, f"{_PREFIX}merge"}:
                merged = self._merged(value_node, value)
            else:
                own[key] = value
        return {**merged, **own}, total

    def _key(self, node: Any) -> str:
        if node.tag == f"{_PREFIX}binary":
            data: bytes = self._scalar(node)
            return data.decode("utf-8", "surrogateescape")
        return str(node.value)

    def _merged(self, node: Any, value: Any) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for item in value if isinstance(value, list) else [value]:
            if not isinstance(item, dict):
                raise self._refuse(
                    node, "map merge requires map or sequence of maps as the value"
                )
            for key, found in item.items():
                merged.setdefault(key, found)
        return merged

    def _scalar(self, node: Any) -> Any:
        tag, text = node.tag, node.value
        if tag == _PLAIN:
            try:
                return plain_value(text)
            except OutOfRangeError:
                raise YamlConversionError(
                    f"unsupported value: {text} overflows lua integer"
                ) from None
        read = _TAGS.get(tag.removeprefix(_PREFIX)) if tag != _STR else None
        if read is None:
            return text
        try:
            return read(text)
        except (ValueError, OutOfRangeError):
            short = tag.removeprefix(_PREFIX)
            raise self._refuse(node, f"cannot decode {text!r} as !!{short}") from None


def _binary(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise ValueError(text) from error


def _of_type(*kinds: type) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        value = plain_value(text)
        if type(value) not in kinds:
            raise ValueError(text)
        return value

    return read


def _number(text: str) -> float:
    return float(_of_type(int, float)(text))


def _timestamp(text: str) -> int:
    seconds = timestamp_seconds(text)
    if seconds is None:
        raise ValueError(text)
    return seconds


# Other tags are ignored: the node is read by its kind, a scalar as text.
_TAGS: dict[str, Callable[[str], Any]] = {
    "binary": _binary,
    "bool": _of_type(bool),
    "int": _of_type(int),
    "float": _number,
    "null": _of_type(type(None)),
    "timestamp": _timestamp,
}
