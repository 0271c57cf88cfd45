"""What a value of a type has: its fields and methods, for completion."""

from __future__ import annotations

from wippy_trio.lang.declarations import library
from wippy_trio.lang.substitute import mentions, substitute
from wippy_trio.lang.types import (
    ERROR,
    NILS,
    SELF,
    STRING,
    Interface,
    Intersection,
    Literal,
    Record,
    Table,
    Type,
    TypeValue,
    TypeVariable,
    Union,
    expand,
    optional,
)

__all__ = ["members_of"]

_DEEPEST = 16


def members_of(type_: Type, level: int = 0) -> dict[str, Type]:
    """Return the fields and methods that a value of a type has.

    Of a union, those that all members have; nil is left aside.
    """
    shape = expand(type_)
    if level > _DEEPEST:
        return {}
    level += 1
    if isinstance(shape, Record):
        return {
            name: optional(field.type) if field.optional else field.type
            for name, field in shape.fields.items()
        }
    if isinstance(shape, Interface):
        return {
            name: substitute(each, {SELF: type_}) if mentions(each) else each
            for name, each in shape.methods.items()
        }
    if isinstance(shape, Table):
        inherited = {} if shape.index is None else members_of(shape.index, level)
        return {**inherited, **shape.fields}
    if isinstance(shape, Union):
        return _common([each for each in shape.members if each not in NILS], level)
    if isinstance(shape, Intersection):
        found: dict[str, Type] = {}
        for each in shape.members:
            found.update(members_of(each, level))
        return found
    if isinstance(shape, Literal):
        shape = shape.base
    if shape is STRING:
        return dict(library().strings.fields)
    if shape is ERROR:
        return dict(library().error_methods)
    if isinstance(shape, TypeValue):
        return dict(library().type_methods)
    if isinstance(shape, TypeVariable) and shape.constraint is not None:
        return members_of(shape.constraint, level)
    return {}


def _common(types: list[Type], level: int) -> dict[str, Type]:
    if not types:
        return {}
    first, *others = [members_of(each, level) for each in types]
    return {
        name: type_
        for name, type_ in first.items()
        if all(name in each for each in others)
    }
