"""The chapter of type arguments: what the arguments of a call say (types 3.5.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wippy_trio.lang.narrow import without_nil
from wippy_trio.lang.types import (
    INTEGER,
    NILS,
    STRING,
    Alias,
    Array,
    Function,
    List,
    Map,
    Record,
    Table,
    Type,
    TypeVariable,
    Union,
    expand,
    members,
    union,
    widen,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Candidates"]

_DEEPEST = 24


class Candidates:
    """The types that arguments propose for type parameters."""

    __slots__ = ("_found", "wanted")

    def __init__(self, wanted: Iterable[TypeVariable]) -> None:
        self.wanted = frozenset(wanted)
        self._found: dict[TypeVariable, list[Type]] = {}

    def propose(self, parameter: Type, given: Type, level: int = 0) -> None:
        """Compare a parameter's type with what was given for it."""
        if level > _DEEPEST:
            return
        level += 1
        if isinstance(parameter, TypeVariable):
            if parameter in self.wanted:
                self._found.setdefault(parameter, []).append(widen(given))
            return
        if (
            isinstance(parameter, Alias)
            and isinstance(given, Alias)
            and parameter.declaration is given.declaration
        ):
            for mine, theirs in zip(parameter.arguments, given.arguments, strict=False):
                self.propose(mine, theirs, level)
            return
        if isinstance(parameter, Alias):
            if parameter.arguments:
                self.propose(expand(parameter), given, level)
            return
        given = expand(given)
        if isinstance(parameter, Union):
            given = without_nil(given)
            fixed = [m for m in parameter.members if not isinstance(m, TypeVariable)]
            for each in parameter.members:
                if each not in NILS:
                    left = given
                    if isinstance(each, TypeVariable) and len(fixed) > 0:
                        left = union(m for m in members(given) if m not in fixed)
                    self.propose(each, left, level)
        elif isinstance(parameter, Array):
            self._array(parameter, given, level)
        elif isinstance(parameter, Map):
            self._map(parameter, given, level)
        elif isinstance(parameter, Record):
            for name, field in parameter.fields.items():
                if isinstance(given, Record) and name in given.fields:
                    self.propose(field.type, given.fields[name].type, level)
                elif isinstance(given, Table) and name in given.fields:
                    self.propose(field.type, given.fields[name], level)
        elif isinstance(parameter, Function) and isinstance(given, Function):
            for asked, has in zip(parameter.parameters, given.parameters, strict=False):
                self.propose(asked.type, has.type, level)
            for result, got in zip(parameter.results, given.results, strict=False):
                self.propose(result, got, level)

    def _array(self, parameter: Array, given: Type, level: int) -> None:
        if isinstance(given, Array):
            self.propose(parameter.element, given.element, level)
        elif isinstance(given, List) and given.elements:
            joined = union(widen(each) for each in given.elements)
            self.propose(parameter.element, joined, level)
        elif isinstance(given, Table) and given.element is not None:
            self.propose(parameter.element, given.element, level)

    def _map(self, parameter: Map, given: Type, level: int) -> None:
        if isinstance(given, Map):
            self.propose(parameter.key, given.key, level)
            self.propose(parameter.value, given.value, level)
        elif isinstance(given, (Record, Table)) and given.fields:
            self.propose(parameter.key, STRING, level)
            if isinstance(given, Record):
                types = [field.type for field in given.fields.values()]
            else:
                types = list(given.fields.values())
            self.propose(parameter.value, union(map(widen, types)), level)
        elif isinstance(given, Array):
            self.propose(parameter.key, INTEGER, level)
            self.propose(parameter.value, given.element, level)

    def chosen(self, variable: TypeVariable) -> Type | None:
        """Return what was proposed for a parameter, joined; None if nothing was."""
        found = self._found.get(variable)
        return union(found) if found else None
