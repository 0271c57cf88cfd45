"""What a condition leaves of a type (types 3.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wippy_trio.lang.types import (
    ANY_FUNCTION,
    BOOLEAN,
    DYNAMIC,
    ERROR,
    FALSE,
    INTEGER,
    NEVER,
    NIL,
    NILS,
    NUMBER,
    OPEN_TABLE,
    SOFT_NIL,
    STRING,
    TABLE,
    TRUE,
    UNTYPED,
    Alias,
    Array,
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
    expand,
    members,
    optional,
    union,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from wippy_trio.lang.subtype import Relation

__all__ = [
    "can_be_false",
    "equal",
    "falsy",
    "field_of",
    "keep",
    "meet",
    "of_kind",
    "only_nil",
    "truthy",
    "unequal",
    "without_kind",
    "without_nil",
]


def _split(type_: Type) -> tuple[Type, ...]:
    """Return the members of a type, aliases of unions opened."""
    if type_.__class__ is Alias and isinstance(expand(type_), Union):
        return members(type_)
    if type_.__class__ is Union:
        flat: list[Type] = []
        for each in type_.members:
            if each.__class__ is Alias and isinstance(expand(each), Union):
                flat.extend(members(each))
            else:
                flat.append(each)
        return tuple(flat)
    return (type_,)


def keep(type_: Type, test: Callable[[Type], bool]) -> Type:
    """Keep the members that pass; a type that wholly passes stays itself."""
    parts = _split(type_)
    kept = [each for each in parts if test(each)]
    return type_ if len(kept) == len(parts) else union(kept)


def without_nil(type_: Type) -> Type:
    """Return a type without nil."""
    kind = type_.__class__
    if kind is not Union and kind is not Alias:
        return NEVER if type_ in NILS else type_
    return keep(type_, lambda each: each not in NILS)


def only_nil(type_: Type) -> Type:
    """Return what is left of a type if the value is nil."""
    if type_ in UNTYPED or isinstance(type_, TypeVariable):
        return SOFT_NIL
    found = [each for each in _split(type_) if each in NILS or each in UNTYPED]
    return found[0] if found else NEVER


def truthy(type_: Type) -> Type:
    """Return a type without nil and false."""
    kind = type_.__class__
    if kind is not Union and kind is not Alias:
        if type_ is BOOLEAN:
            return TRUE
        return NEVER if type_ in NILS or type_ is FALSE else type_
    parts = _split(type_)
    if not any(each in NILS or each is FALSE or each is BOOLEAN for each in parts):
        return type_
    return union(TRUE if each is BOOLEAN else each for each in parts if _true(each))


def _true(each: Type) -> bool:
    return each not in NILS and each is not FALSE


def falsy(type_: Type) -> Type:
    """Return what of a type can be nil or false."""
    if type_ in UNTYPED or type_.__class__ in (TypeVariable, Unresolved):
        return type_
    return union(
        FALSE if each is BOOLEAN else each
        for each in _split(type_)
        if each in NILS or each is FALSE or each is BOOLEAN or each in UNTYPED
    )


def can_be_false(type_: Type) -> bool:
    """Tell whether a value of the type may fail a condition."""
    return any(
        each in NILS
        or each is FALSE
        or each is BOOLEAN
        or each in UNTYPED
        or each.__class__ in (TypeVariable, Unresolved)
        for each in _split(type_)
    )


_NAMES: dict[str, Type] = {
    "nil": SOFT_NIL,
    "number": NUMBER,
    "string": STRING,
    "boolean": BOOLEAN,
    "table": OPEN_TABLE,
    "function": ANY_FUNCTION,
}


def kind_of(type_: Type) -> str:
    """Return what ``type()`` says of a value; nothing where it may say several."""
    type_ = expand(type_)
    if isinstance(type_, Literal):
        type_ = type_.base
    if type_ in NILS:
        return "nil"
    if type_ is NUMBER or type_ is INTEGER:
        return "number"
    if type_ is STRING or type_ is BOOLEAN:
        return repr(type_)
    if type_ in (TABLE, OPEN_TABLE) or isinstance(
        type_, (Array, Map, Record, List, Table)
    ):
        return "table"
    if type_ is ANY_FUNCTION or isinstance(type_, Function):
        return "function"
    if isinstance(type_, Interface) and type_.brand:
        return "userdata"
    if type_ is ERROR:
        return "userdata"
    if isinstance(type_, TypeValue):
        return "type"
    if isinstance(type_, Intersection):
        kinds = {kind_of(each) for each in type_.members}
        return kinds.pop() if len(kinds) == 1 else ""
    return ""


def of_kind(type_: Type, kind: str) -> Type:
    """Return what is left if ``type(value) == kind``."""
    kept: list[Type] = []
    for each in _split(type_):
        if each in UNTYPED:
            # A number that nobody declared may go where an integer is wanted.
            loose = each is DYNAMIC and kind == "number"
            kept.append(DYNAMIC if loose else _NAMES.get(kind, DYNAMIC))
            continue
        own = kind_of(each)
        if own == kind:
            kept.append(each)
        elif not own:
            kept.append(DYNAMIC if kind in _NAMES else each)
    return union(kept)


def without_kind(type_: Type, kind: str) -> Type:
    """Return what is left if ``type(value) ~= kind``."""
    return keep(type_, lambda each: kind_of(each) != kind)


def equal(type_: Type, value: Type, relation: Relation) -> Type:
    """Return what is left of a type if the value is a given literal."""
    kept: list[Type] = []
    for each in _split(type_):
        if each in UNTYPED:
            kept.append(value)
        elif isinstance(each, Literal):
            if each is value or relation.fits(value, each):
                kept.append(each)
        elif relation.fits(value, each):
            kept.append(value if isinstance(expand(each), type(STRING)) else each)
        elif each.__class__ in (TypeVariable, Interface, Unresolved):
            kept.append(each)
    return union(kept)


def unequal(type_: Type, value: Type) -> Type:
    """Return what is left of a type if the value is not a given literal."""
    if value is TRUE or value is FALSE:
        other = FALSE if value is TRUE else TRUE
        return union(
            other if each is BOOLEAN else each
            for each in _split(type_)
            if each is not value
        )
    return keep(type_, lambda each: each is not value)


def meet(one: Type, other: Type, relation: Relation) -> Type:
    """Return what is left of ``one`` if it equals a value of type ``other``."""
    if one in UNTYPED or other in UNTYPED:
        return other if one in UNTYPED else one
    kept: list[Type] = []
    for each in _split(one):
        for theirs in _split(other):
            if relation.fits(each, theirs):
                kept.append(each)
            elif relation.fits(theirs, each):
                kept.append(theirs)
            elif not kind_of(each) or not kind_of(theirs):
                kept.append(each)
    return union(kept) if kept else one


def field_of(type_: Type, name: str) -> Type | None:
    """Return the type of a record's field, nil where it has none; None if unknown."""
    type_ = expand(type_)
    if isinstance(type_, Record):
        field = type_.fields.get(name)
        if field is None:
            return NIL
        return optional(field.type) if field.optional else field.type
    return None
