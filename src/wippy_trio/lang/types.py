"""What the checker knows about values: types, immutable and mostly interned.

Two types built alike are one object, so identity is the fast answer to equality; it is
not the only one, since the table of interned types is emptied when it grows too large.

Some types say how sure the checker is. ``ANY`` is what an author wrote as ``any`` and
does not flow into a concrete type; ``DYNAMIC`` is what nobody annotated and flows
everywhere. ``NIL`` is a nil that an annotation admits; ``STANDARD_NIL`` came out of the
standard library into a variable without annotation, ``SOFT_NIL`` was inferred: the two
are reported only where the answer cannot be wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from wippy_trio.lang.shapes import (
    ANY,
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
    SELF,
    SOFT_NIL,
    STANDARD_NIL,
    STRING,
    TABLE,
    TRUE,
    UNKNOWN,
    UNTYPED,
    Alias,
    Array,
    Basic,
    Declaration,
    Effect,
    Field,
    Function,
    Interface,
    Intersection,
    List,
    Literal,
    Map,
    Parameter,
    Record,
    Table,
    Type,
    TypeValue,
    TypeVariable,
    Union,
    Unresolved,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "ANY",
    "ANY_FUNCTION",
    "BOOLEAN",
    "DYNAMIC",
    "ERROR",
    "FALSE",
    "INTEGER",
    "NEVER",
    "NIL",
    "NILS",
    "NUMBER",
    "OPEN_TABLE",
    "SELF",
    "SOFT_NIL",
    "STANDARD_NIL",
    "STRING",
    "TABLE",
    "TRUE",
    "UNKNOWN",
    "UNTYPED",
    "Alias",
    "Array",
    "Basic",
    "Declaration",
    "Effect",
    "Field",
    "Function",
    "Interface",
    "Intersection",
    "List",
    "Literal",
    "Map",
    "Parameter",
    "Record",
    "Table",
    "Type",
    "TypeValue",
    "TypeVariable",
    "Union",
    "Unresolved",
    "admits_nil",
    "array",
    "expand",
    "intersection",
    "literal",
    "map_of",
    "members",
    "optional",
    "put",
    "record",
    "union",
    "widen",
]

MOST_MEMBERS: Final = 64
_MOST_INTERNED: Final = 50_000

_interned: dict[tuple[object, ...], Type] = {}


def _intern(key: tuple[object, ...], made: Type) -> Type:
    if len(_interned) > _MOST_INTERNED:
        _interned.clear()
    _interned[key] = made
    return made


def literal(value: str | int | bool) -> Literal:
    """Return the type of one value."""
    if value is True:
        return TRUE
    if value is False:
        return FALSE
    key = ("literal", value.__class__, value)
    found = _interned.get(key)
    if found is None:
        base = STRING if isinstance(value, str) else INTEGER
        found = _intern(key, Literal(value, base))
    assert isinstance(found, Literal)
    return found


def array(element: Type, *, readonly: bool = False) -> Type:
    """Return the type of a list."""
    key = ("array", id(element), readonly)
    found = _interned.get(key)
    return _intern(key, Array(element, readonly)) if found is None else found


def map_of(key: Type, value: Type, *, readonly: bool = False) -> Type:
    """Return the type of a map."""
    mark = ("map", id(key), id(value), readonly)
    found = _interned.get(mark)
    return _intern(mark, Map(key, value, readonly)) if found is None else found


def record(fields: Mapping[str, Field], *, readonly: bool = False) -> Type:
    """Return the type of a record."""
    parts = tuple((n, id(f.type), f.optional, f.readonly) for n, f in fields.items())
    key = ("record", parts, readonly)
    found = _interned.get(key)
    return _intern(key, Record(fields, readonly)) if found is None else found


def members(type_: Type) -> tuple[Type, ...]:
    """Return what a type is one of."""
    if type_.__class__ is Alias:
        type_ = expand(type_)
    if isinstance(type_, Union):
        return type_.members
    return (type_,)


def expand(type_: Type) -> Type:
    """Return what an alias stands for, any other type itself."""
    for _ in range(64):
        if not isinstance(type_, Alias):
            return type_
        type_ = type_.target
    return DYNAMIC


def union(types: Iterable[Type]) -> Type:
    """Join types: what is said twice is said once (types 3.2)."""
    flat: dict[Type, None] = {}
    for each in types:
        if each.__class__ is Union:
            for member in each.members:
                flat[member] = None
        elif each is not NEVER:
            flat[each] = None
    if len(flat) == 1:
        return next(iter(flat))
    if not flat:
        return NEVER
    if DYNAMIC in flat:
        return DYNAMIC
    if ANY in flat:
        return ANY
    if UNKNOWN in flat:
        return UNKNOWN
    return _normal(flat)


def _normal(flat: dict[Type, None]) -> Type:
    if TRUE in flat and FALSE in flat:
        flat[BOOLEAN] = None
    if NUMBER in flat:
        flat.pop(INTEGER, None)
    plain = NUMBER in flat, STRING in flat, BOOLEAN in flat, INTEGER in flat
    if any(plain):
        number = plain[0] or plain[3]
        for each in [each for each in flat if each.__class__ is Literal]:
            base = each.base
            if base in flat or (base is INTEGER and number):
                del flat[each]
    if SOFT_NIL in flat:
        flat.pop(NIL, None)
        flat.pop(STANDARD_NIL, None)
    elif STANDARD_NIL in flat:
        flat.pop(NIL, None)
    if len(flat) == 1:
        return next(iter(flat))
    if len(flat) > MOST_MEMBERS:
        return DYNAMIC
    key = ("union", *map(id, flat))
    found = _interned.get(key)
    return _intern(key, Union(tuple(flat))) if found is None else found


def optional(type_: Type, nil: Type = NIL) -> Type:
    """Return a type that also admits nil."""
    if type_ in UNTYPED:
        return type_
    # Inside its own declaration an alias is not known yet.
    known = isinstance(type_, Alias) and type_.declaration.settled
    if known and admits_nil(type_):
        return type_
    return union((type_, nil))


def admits_nil(type_: Type) -> bool:
    """Tell whether nil is among the values of a type."""
    if type_.__class__ is Union:
        return any(admits_nil(each) for each in type_.members)
    if type_.__class__ is Alias:
        target = expand(type_)
        return target.__class__ is not Alias and admits_nil(target)
    return type_ in NILS or type_ in UNTYPED


def intersection(types: Iterable[Type]) -> Type:
    """Meet types: records become one record, functions a set of overloads."""
    flat: list[Type] = []
    for each in types:
        expanded = expand(each)
        if isinstance(expanded, Intersection):
            flat.extend(expanded.members)
        elif each not in flat:
            flat.append(each)
    if len(flat) == 1:
        return flat[0]
    flat = [each for each in flat if each not in UNTYPED] or flat[:1]
    for place, each in enumerate(flat):
        expanded = expand(each)
        if isinstance(expanded, Union):
            rest = flat[:place] + flat[place + 1 :]
            return union(intersection((one, *rest)) for one in expanded.members)
    shapes = [expand(each) for each in flat]
    records = [each for each in shapes if isinstance(each, Record)]
    if len(records) == len(shapes):
        return _merge(records)
    kinds = {each for each in map(_kind, shapes) if each is not None}
    if len(kinds) > 1 or NEVER in shapes:
        return NEVER
    if len(flat) == 1:
        return flat[0]
    return Intersection(tuple(flat))


def _kind(type_: Type) -> Basic | None:
    """Return what a plain type is, None for one that may overlap with others."""
    if isinstance(type_, Literal):
        type_ = type_.base
    if type_ is INTEGER:
        return NUMBER
    if type_ in NILS:
        return NIL
    if type_ in (NUMBER, STRING, BOOLEAN):
        assert isinstance(type_, Basic)
        return type_
    if isinstance(type_, (Record, Array, Map)):
        return TABLE
    return None


def _merge(records: list[Record]) -> Type:
    fields: dict[str, Field] = {}
    for each in records:
        for name, field in each.fields.items():
            known = fields.get(name)
            if known is None:
                fields[name] = field
            else:
                fields[name] = Field(
                    intersection((known.type, field.type)),
                    known.optional and field.optional,
                    known.readonly and field.readonly,
                )
    return record(fields)


_TABLES = (Array, List, Map, Record, Table)


def widen(type_: Type) -> Type:
    """Return the base types of literals: what a variable may hold later."""
    kind = type_.__class__
    if kind is Literal:
        return type_.base  # type: ignore[attr-defined, no-any-return]
    if kind is Union and any(m.__class__ is Literal for m in type_.members):  # type: ignore[attr-defined]
        return union(widen(member) for member in type_.members)  # type: ignore[attr-defined]
    if kind is List:
        elements = [widen(each) for each in type_.elements]  # type: ignore[attr-defined]
        if len({isinstance(expand(each), _TABLES) for each in elements}) > 1:
            return array(DYNAMIC)  # each place means something of its own
        return array(union(elements))
    return type_


def put(table: Table, type_: Type) -> None:
    """Note what an element of a table holds; two unlike kinds make it dynamic."""
    if table.sealed:
        return
    type_ = widen(type_)
    known = table.element
    if known is None or known is NEVER:
        table.element = type_
    elif known is not type_ and known is not DYNAMIC:
        both = {known, type_}
        table.element = NUMBER if both == {NUMBER, INTEGER} else DYNAMIC
