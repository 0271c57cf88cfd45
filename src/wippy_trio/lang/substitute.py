"""Putting types in the place of type parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wippy_trio.lang.types import (
    DYNAMIC,
    Alias,
    Array,
    Effect,
    Field,
    Function,
    Interface,
    Intersection,
    List,
    Map,
    Parameter,
    Record,
    Type,
    TypeValue,
    TypeVariable,
    Union,
    array,
    intersection,
    map_of,
    record,
    union,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["mentions", "substitute"]

_DEEPEST = 64


def substitute(type_: Type, given: Mapping[TypeVariable, Type], level: int = 0) -> Type:
    """Replace type parameters; what nests too deeply becomes dynamic."""
    if isinstance(type_, TypeVariable):
        return given.get(type_, type_)
    if level > _DEEPEST:
        return DYNAMIC
    level += 1
    if isinstance(type_, Union):
        return union([substitute(each, given, level) for each in type_.members])
    if isinstance(type_, Array):
        element = substitute(type_.element, given, level)
        return array(element, readonly=type_.readonly)
    if isinstance(type_, Map):
        return map_of(
            substitute(type_.key, given, level),
            substitute(type_.value, given, level),
            readonly=type_.readonly,
        )
    if isinstance(type_, Record):
        fields = {
            name: Field(
                substitute(field.type, given, level), field.optional, field.readonly
            )
            for name, field in type_.fields.items()
        }
        return record(fields, readonly=type_.readonly)
    if isinstance(type_, Alias):
        if not type_.arguments:
            return type_
        return type_.declaration.apply(
            tuple([substitute(each, given, level) for each in type_.arguments])
        )
    if isinstance(type_, Function):
        return _function(type_, given, level)
    if isinstance(type_, Intersection):
        return intersection([substitute(each, given, level) for each in type_.members])
    if isinstance(type_, Interface):
        if not any(mentions(each, level) for each in type_.methods.values()):
            return type_
        methods = {
            name: substitute(each, given, level) for name, each in type_.methods.items()
        }
        made = Interface(type_.name, methods, type_.brand)
        made.parents = type_.parents
        return made
    if isinstance(type_, List):
        return List(tuple([substitute(each, given, level) for each in type_.elements]))
    if isinstance(type_, TypeValue):
        return TypeValue(substitute(type_.type, given, level))
    return type_


def _function(
    type_: Function, given: Mapping[TypeVariable, Type], level: int
) -> Function:
    if type_.untyped:
        return type_
    variadic = type_.variadic
    rest = type_.rest
    return Function(
        tuple(
            [
                Parameter(each.name, substitute(each.type, given, level), each.optional)
                for each in type_.parameters
            ]
        ),
        tuple([substitute(each, given, level) for each in type_.results]),
        variadic=None if variadic is None else substitute(variadic, given, level),
        rest=None if rest is None else substitute(rest, given, level),
        generics=tuple(each for each in type_.generics if each not in given),
        untyped=type_.untyped,
        effects=tuple(
            Effect(each.position, each.kind, substitute(each.type, given, level))
            if each.type is not None
            else each
            for each in type_.effects
        ),
        special=type_.special,
        linked=type_.linked,
        standard=type_.standard,
    )


def mentions(type_: Type, level: int = 0) -> bool:
    """Tell whether a type parameter stands anywhere in a type."""
    if isinstance(type_, TypeVariable):
        return True
    if level > _DEEPEST:
        return False
    level += 1
    if isinstance(type_, (Union, Intersection)):
        return any(mentions(each, level) for each in type_.members)
    if isinstance(type_, Array):
        return mentions(type_.element, level)
    if isinstance(type_, Map):
        return mentions(type_.key, level) or mentions(type_.value, level)
    if isinstance(type_, Record):
        return any(mentions(field.type, level) for field in type_.fields.values())
    if isinstance(type_, Alias):
        return any(mentions(each, level) for each in type_.arguments)
    if isinstance(type_, List):
        return any(mentions(each, level) for each in type_.elements)
    if isinstance(type_, Function):
        return (
            any(mentions(each.type, level) for each in type_.parameters)
            or any(mentions(each, level) for each in type_.results)
            or (type_.variadic is not None and mentions(type_.variadic, level))
        )
    if isinstance(type_, Interface):
        return any(mentions(each, level) for each in type_.methods.values())
    if isinstance(type_, TypeValue):
        return mentions(type_.type, level)
    return False
