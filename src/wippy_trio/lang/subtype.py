"""Which type fits where (types 3.3).

A `Relation` remembers what it has answered; recursive types are compared on the
assumption that the pair at hand fits. Where an answer would cost too much, the pair
fits: the checker prefers silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wippy_trio.lang.types import (
    ANY,
    ANY_FUNCTION,
    BOOLEAN,
    DYNAMIC,
    INTEGER,
    NEVER,
    NILS,
    NUMBER,
    OPEN_TABLE,
    SOFT_NIL,
    STRING,
    TABLE,
    UNKNOWN,
    Alias,
    Array,
    Basic,
    Field,
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
    admits_nil,
    expand,
)
from wippy_trio.lang.typetext import show

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Relation"]

_DEEPEST = 48
_MOST_REMEMBERED = 10_000


class Relation:
    """Answers whether one type fits another."""

    __slots__ = ("_assumed", "_known", "_level")

    def __init__(self) -> None:
        self._known: dict[tuple[Type, Type], bool] = {}
        self._assumed: set[tuple[Type, Type]] = set()
        self._level = 0

    def fits(self, one: Type, other: Type) -> bool:
        """Tell whether every value of ``one`` is a value of ``other``."""
        if one is other or one is DYNAMIC or other is DYNAMIC:
            return True
        if other is ANY or other is UNKNOWN or one is NEVER or one is SOFT_NIL:
            return True
        if one is ANY or one is UNKNOWN:
            return isinstance(other, Alias) and expand(other) in (ANY, UNKNOWN, DYNAMIC)
        pair = (one, other)
        known = self._known.get(pair)
        if known is not None:
            return known
        if pair in self._assumed or self._level > _DEEPEST:
            return True
        self._assumed.add(pair)
        self._level += 1
        try:
            answer = self._fits(one, other)
        finally:
            self._level -= 1
            self._assumed.discard(pair)
        # An answer that leans on an assumption is sure only at the bottom.
        if not answer or not self._assumed:
            if len(self._known) > _MOST_REMEMBERED:
                self._known.clear()
            if not _learns(one) and not _learns(other):
                self._known[pair] = answer
        return answer

    def same(self, one: Type, other: Type) -> bool:
        """Tell whether two types have the same values."""
        return one is other or (self.fits(one, other) and self.fits(other, one))

    def overlap(self, one: Type, other: Type) -> bool:
        """Tell whether a value could be of both types; unsure means yes."""
        return self.fits(one, other) or self.fits(other, one)

    def _fits(self, one: Type, other: Type) -> bool:
        if isinstance(one, Unresolved) or isinstance(other, Unresolved):
            return True
        if isinstance(one, Alias) and isinstance(other, Alias):
            same = one.declaration is other.declaration
            if same and one.arguments and len(one.arguments) == len(other.arguments):
                pairs = zip(one.arguments, other.arguments, strict=True)
                if all(self.same(mine, theirs) for mine, theirs in pairs):
                    return True
            elif same:
                return True
        if isinstance(one, Alias):
            return self.fits(expand(one), other)
        if isinstance(other, Alias):
            return self.fits(one, expand(other))
        if isinstance(one, Union):
            return all(self.fits(each, other) for each in one.members)
        if isinstance(other, Union):
            return self._into_union(one, other)
        if isinstance(other, Intersection):
            return all(self.fits(one, each) for each in other.members)
        if isinstance(one, TypeVariable):
            if one.constraint is None:
                return False
            return self.fits(one.constraint, other)
        if isinstance(one, Intersection):
            return any(self.fits(each, other) for each in one.members)
        if isinstance(one, Literal):
            if isinstance(other, Literal):
                return one.base is other.base and one.value == other.value
            return self.fits(one.base, other)
        if isinstance(one, Basic):
            return self._basic(one, other)
        return self._composed(one, other)

    def _into_union(self, one: Type, other: Union) -> bool:
        if any(self.fits(one, each) for each in other.members):
            return True
        if one is BOOLEAN:
            values = {each.value for each in _literals(other.members)}
            return True in values and False in values
        return False

    def _basic(self, one: Basic, other: Type) -> bool:
        if one in NILS:
            return other in NILS
        if one is INTEGER:
            return other is NUMBER
        if one is OPEN_TABLE:
            return other is TABLE or isinstance(
                other, (Record, Array, Map, List, Table, Interface, TypeVariable)
            )
        if one is TABLE:
            if isinstance(other, Record):
                return all(_lacking(field) for field in other.fields.values())
            return other is OPEN_TABLE or isinstance(other, Table)
        if one is ANY_FUNCTION:
            return isinstance(other, Function)
        return False

    def _composed(self, one: Type, other: Type) -> bool:
        if isinstance(one, Table):
            return self._table(one, other)
        if other is TABLE or other is OPEN_TABLE:
            return isinstance(one, (Array, Map, Record, List, Interface))
        if other is ANY_FUNCTION:
            return isinstance(one, Function)
        if isinstance(other, Table):
            return isinstance(one, (Array, Map, Record, List))
        if isinstance(one, Array):
            if isinstance(other, Array):
                if one.readonly and not other.readonly:
                    return False
                return self.fits(one.element, other.element)
            if isinstance(other, Map):
                return self.fits(INTEGER, other.key) and self.fits(
                    one.element, other.value
                )
            return isinstance(other, Record) and not _required(other)
        if isinstance(one, Map):
            if isinstance(other, Map):
                if one.readonly and not other.readonly:
                    return False
                return self.same(one.key, other.key) and self.same(
                    one.value, other.value
                )
            return isinstance(other, Record) and not _required(other)
        if isinstance(one, List):
            return self._list(one, other)
        if isinstance(one, Record):
            return self._record(one, other)
        if isinstance(one, Function):
            return isinstance(other, Function) and self._function(one, other)
        if isinstance(one, Interface):
            return self._interface(one, other)
        if isinstance(one, TypeValue):
            return not isinstance(other, (Basic, Literal)) or other is TABLE
        return False

    def _table(self, one: Table, other: Type) -> bool:
        if isinstance(other, (Basic, Literal)):
            return other is TABLE or other is OPEN_TABLE
        if isinstance(other, (TypeVariable, Function)):
            return isinstance(other, TypeVariable) or one.meta is not None
        if isinstance(other, Record):
            loose = one.open or one.index is not None
            for name, field in other.fields.items():
                mine = one.fields.get(name)
                if mine is None:
                    if not loose and not _lacking(field):
                        return False
                elif not self.field(Field(mine), field):
                    return False
            return True
        if isinstance(other, Map):
            return self.fits(STRING, other.key) is False or all(
                self.fits(each, other.value) for each in one.fields.values()
            )
        if isinstance(other, Array):
            if one.element is None:
                return one.open or not one.fields
            return self.fits(one.element, other.element)
        return True

    def _list(self, one: List, other: Type) -> bool:
        if isinstance(other, Array):
            return all(self.fits(each, other.element) for each in one.elements)
        if isinstance(other, Map):
            return not one.elements or (
                self.fits(INTEGER, other.key)
                and all(self.fits(each, other.value) for each in one.elements)
            )
        if isinstance(other, List):
            return len(one.elements) >= len(other.elements) and all(
                map(self.fits, one.elements, other.elements)
            )
        return isinstance(other, Record) and not _required(other)

    def _record(self, one: Record, other: Type) -> bool:
        if isinstance(other, Record):
            if one.readonly and not other.readonly:
                return False
            for name, wanted in other.fields.items():
                mine = one.fields.get(name)
                if mine is None:
                    if not wanted.optional and not admits_nil(wanted.type):
                        return False
                elif not self.field(mine, wanted):
                    return False
            return True
        if isinstance(other, Map):
            return self.fits(STRING, other.key) and all(
                self.fits(field.type, other.value) for field in one.fields.values()
            )
        if isinstance(other, Interface):
            return not other.brand and all(
                name in one.fields and self.fits(one.fields[name].type, method)
                for name, method in other.methods.items()
            )
        return isinstance(other, Array) and not one.fields

    def _interface(self, one: Interface, other: Type) -> bool:
        if isinstance(other, Interface):
            if other.brand:
                return one.name == other.name or any(
                    self.fits(each, other) for each in one.parents
                )
            return all(
                name in one.methods and self.fits(one.methods[name], method)
                for name, method in other.methods.items()
            )
        if isinstance(other, Record):
            return all(
                _lacking(field)
                or (name in one.methods and self.fits(one.methods[name], field.type))
                for name, field in other.fields.items()
            )
        return False

    def field(self, mine: Field, wanted: Field) -> bool:
        """Tell whether a field may stand where another is wanted."""
        if mine.optional and not wanted.optional and not admits_nil(wanted.type):
            return False
        if mine.readonly and not wanted.readonly:
            return False
        # The rules allow a list of widenings of a mutable field; what is not on it is
        # let pass as well, never stricter than the reference.
        return self.fits(mine.type, wanted.type)

    def _function(self, one: Function, other: Function) -> bool:
        if one.untyped or other.untyped:
            return True
        for place, wanted in enumerate(other.parameters):
            if place < len(one.parameters):
                mine = one.parameters[place]
                if place == 0 and wanted.name == "self" == mine.name:
                    continue
                given = wanted.type
                if mine.optional and admits_nil(given):
                    continue
                if not self.fits(given, mine.type):
                    return False
            elif one.variadic is not None and not self.fits(wanted.type, one.variadic):
                return False
        for mine in one.parameters[len(other.parameters) :]:
            if other.variadic is not None or mine.optional or admits_nil(mine.type):
                continue
            return False
        if one.results == (NEVER,):
            return True
        for place, result in enumerate(other.results):
            if place < len(one.results):
                if not self.fits(one.results[place], result):
                    return False
            elif (one.rest is None and not admits_nil(result)) or (
                one.rest is not None and not self.fits(one.rest, result)
            ):
                return False
        return True

    # Reasons

    def reason(self, one: Type, other: Type) -> str:
        """Say what does not fit inside two types, or nothing."""
        mine, wanted = expand(one), expand(other)
        if isinstance(mine, List) and isinstance(wanted, Array):
            for place, element in enumerate(mine.elements, 1):
                if not self.fits(element, wanted.element):
                    return _expected(f"element {place}", wanted.element, element)
        if not isinstance(wanted, Record):
            return ""
        fields: dict[str, Field]
        if isinstance(mine, Record):
            fields = dict(mine.fields)
        elif isinstance(mine, Table):
            fields = {name: Field(each) for name, each in mine.fields.items()}
        else:
            return ""
        for name, field in wanted.fields.items():
            found = fields.get(name)
            if found is None:
                if not _lacking(field):
                    return f"field '{name}' is missing"
            elif not self.field(found, field):
                if found.optional and not field.optional:
                    return f"field '{name}' is optional"
                return _expected(f"field '{name}'", field.type, found.type)
        return ""


def _expected(what: str, wanted: Type, found: Type) -> str:
    return f"{what}: expected {show(wanted)}, got {show(found, literals=False)}"


def _learns(type_: Type) -> bool:
    return isinstance(type_, Table)


def _lacking(field: Field) -> bool:
    """Tell whether a field may be left out."""
    return field.optional or admits_nil(field.type)


def _required(type_: Record) -> bool:
    return not all(_lacking(field) for field in type_.fields.values())


def _literals(types: Iterable[Type]) -> list[Literal]:
    return [each for each in types if isinstance(each, Literal)]
