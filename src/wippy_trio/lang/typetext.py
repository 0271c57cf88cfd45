"""How types are written in messages (types 3.9)."""

from __future__ import annotations

from wippy_trio.lang.types import (
    NEVER,
    NILS,
    Alias,
    Array,
    Basic,
    Function,
    Interface,
    Intersection,
    List,
    Literal,
    Map,
    Record,
    Table,
    Type,
    TypeValue,
    TypeVariable,
    Union,
    Unresolved,
    widen,
)

__all__ = ["has_literals", "show"]

_DEEPEST = 6
_MOST_MEMBERS = 6
_MOST_FIELDS = 8
_LONGEST = 800
_CUT = "..."


def show(type_: Type, *, literals: bool = True) -> str:
    """Write a type.

    Args:
      type_: The type.
      literals: Whether a literal keeps its value; else its base type is written.
    """
    text = _text(type_ if literals else widen(type_), 0)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + _CUT


def has_literals(type_: Type) -> bool:
    """Tell whether a type's own text holds a literal."""
    if isinstance(type_, Union):
        return any(isinstance(each, Literal) for each in type_.members)
    return isinstance(type_, Literal)


def _text(type_: Type, level: int) -> str:
    if isinstance(type_, Basic):
        return type_.name
    if isinstance(type_, Literal):
        return _literal(type_.value)
    if level >= _DEEPEST:
        return _CUT
    level += 1
    if isinstance(type_, Alias):
        name = type_.declaration.name
        if not type_.arguments:
            return name
        return f"{name}<{', '.join(_text(each, level) for each in type_.arguments)}>"
    if isinstance(type_, Union):
        return _union(type_, level)
    if isinstance(type_, Intersection):
        return _joined(" & ", list(type_.members), level)
    if isinstance(type_, Array):
        prefix = "readonly " if type_.readonly else ""
        return f"{prefix}{_part(type_.element, level)}[]"
    if isinstance(type_, Map):
        prefix = "readonly " if type_.readonly else ""
        key, value = _text(type_.key, level), _text(type_.value, level)
        return f"{prefix}{{[{key}]: {value}}}"
    if isinstance(type_, Record):
        return _record(type_, level)
    if isinstance(type_, List):
        shown = [_text(each, level) for each in type_.elements[:_MOST_FIELDS]]
        if len(type_.elements) > _MOST_FIELDS:
            shown.append(_CUT)
        return f"[{', '.join(shown)}]" if shown else "{}"
    if isinstance(type_, Table):
        return _table(type_, level)
    if isinstance(type_, Function):
        return _function(type_, level)
    if isinstance(type_, (Interface, TypeVariable, Unresolved)):
        return type_.name or "interface"
    if isinstance(type_, TypeValue):
        return f"type<{_text(type_.type, level)}>"
    return "any"


def _literal(value: str | int | bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    escaped = escaped.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    shown = "".join(
        char if " " <= char != "\x7f" else f"\\{ord(char)}" for char in escaped
    )
    return f'"{shown}"'


def _part(type_: Type, level: int) -> str:
    """Write a type that something follows."""
    text = _text(type_, level)
    if isinstance(type_, Function):
        return f"({text})"
    if isinstance(type_, (Union, Intersection)) and not text.endswith("?"):
        return f"({text})"
    return text


def _union(type_: Union, level: int) -> str:
    rest = [each for each in type_.members if each not in NILS]
    if len(rest) == len(type_.members):
        return _joined(" | ", rest, level)
    if len(rest) == 1:
        return f"{_part(rest[0], level)}?"
    return f"({_joined(' | ', rest, level)})?"


def _joined(between: str, types: list[Type], level: int) -> str:
    shown = [_part(each, level) for each in types[:_MOST_MEMBERS]]
    if len(types) > _MOST_MEMBERS:
        shown.append(_CUT)
    return between.join(shown)


def _record(type_: Record, level: int) -> str:
    shown: list[str] = []
    for name, field in list(type_.fields.items())[:_MOST_FIELDS]:
        prefix = "readonly " if field.readonly else ""
        mark = "?" if field.optional else ""
        shown.append(f"{prefix}{name}{mark}: {_text(field.type, level)}")
    if len(type_.fields) > _MOST_FIELDS:
        shown.append(_CUT)
    return f"{{{', '.join(shown)}}}"


def _table(type_: Table, level: int) -> str:
    if type_.name:
        return type_.name
    if not type_.fields:
        if type_.element is not None:
            return f"{_part(type_.element, level)}[]"
        return "{}"
    shown = [
        f"{name}: {_text(widen(each), level)}"
        for name, each in list(type_.fields.items())[:_MOST_FIELDS]
    ]
    if len(type_.fields) > _MOST_FIELDS:
        shown.append(_CUT)
    return f"{{{', '.join(shown)}}}"


def _function(type_: Function, level: int) -> str:
    shown: list[str] = []
    for each in type_.parameters:
        text = _text(each.type, level)
        shown.append(f"{each.name}: {text}" if each.name else text)
    if type_.variadic is not None:
        shown.append(f"...{_text(type_.variadic, level)}")
    results = [_text(each, level) for each in type_.results]
    if type_.rest is not None:
        results.append(f"...{_text(type_.rest, level)}")
    if len(results) == 1 and type_.results != (NEVER,):
        returned = results[0]
    else:
        returned = f"({', '.join(results)})" if type_.results != (NEVER,) else "never"
    return f"fun({', '.join(shown)}) -> {returned}"
