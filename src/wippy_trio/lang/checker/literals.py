"""The chapter of constructors: table literals, alone and against a type (types 3.4)."""

from __future__ import annotations

from wippy_trio.lang import syntax as lua
from wippy_trio.lang.checker.conditions import Conditions
from wippy_trio.lang.strings import string_value
from wippy_trio.lang.types import (
    DYNAMIC,
    NILS,
    STRING,
    TABLE,
    UNTYPED,
    Array,
    Field,
    Interface,
    List,
    Literal,
    Map,
    Record,
    Table,
    Type,
    TypeVariable,
    Union,
    Unresolved,
    admits_nil,
    expand,
    literal,
    members,
    put,
    widen,
)
from wippy_trio.lang.typetext import has_literals, show

__all__ = ["Literals"]

_MOST_POSITIONS = 64
_MOST_TRIALS = 3


class Literals(Conditions):
    """Table constructors, and what a type waits for."""

    __slots__ = ()

    # Alone

    def table(self, node: lua.Table) -> Type:
        """Return the type of a constructor that nothing is expected of."""
        if not node.fields:
            return Table({})
        named: dict[str, Type] = {}
        listed: list[Type] = []
        open_ = False
        last = node.fields[-1]
        element: Type | None = None
        for field in node.fields:
            if field.name is not None:
                named[field.name] = self.value(field.value)
                continue
            if field.key is not None:
                name = _constant_name(field.key)
                if name is not None:
                    named[name] = self.value(field.value)
                else:
                    self.value(field.key)
                    self.value(field.value)
                    open_ = True
                continue
            value = field.value
            if field is last and _opens(value):
                given = self.results(value)
                listed.extend(given.types)
                if given.rest is not None:
                    open_ = True
                    element = given.rest
            else:
                listed.append(self.value(value))
        if not named and not open_ and len(listed) <= _MOST_POSITIONS:
            return List(tuple(listed))
        made = Table(named, open=open_ or bool(listed))
        for each in listed:
            put(made, each)
        if element is not None:
            put(made, element)
        return made

    def settle(self, type_: Type, node: lua.Expression, variable: object) -> Type:
        """Return what a variable without annotation holds after a constructor."""
        if isinstance(type_, Table):
            if type_.owner is None and isinstance(node, lua.Table):
                type_.owner = variable
            return type_
        if isinstance(type_, List) and isinstance(node, lua.Table):
            return self.loose_list(type_)
        return type_

    @staticmethod
    def loose_list(type_: List) -> Table:
        """Turn known positions into a list that anything may be put into."""
        made = Table({})
        for each in type_.elements:
            put(made, each)
        return made

    # Against a type

    def accept(self, node: lua.Expression, wanted: Type) -> tuple[Type, str | None]:
        """Evaluate an expression that a type waits for.

        Returns:
          Its type, and why it does not fit: None if it does, else a reason that may be
          empty.
        """
        if wanted.__class__ is Unresolved:
            self.unresolved(wanted)
        inner = node
        while inner.__class__ is lua.Paren:
            inner = inner.inner
        if inner.__class__ is lua.Table:
            return self._table_for(inner, wanted)
        if inner.__class__ is lua.Function:
            before = len(self.found)
            type_ = self.function(inner, wanted)
            self.keep(inner, type_)
            if len(self.found) > before:
                return type_, None  # what does not fit was told inside
        else:
            type_ = self.value(node, wanted)
        if type_ is wanted or self.fits(type_, wanted):
            return type_, None
        return type_, self.relation.reason(type_, wanted)

    def _table_for(self, node: lua.Table, wanted: Type) -> tuple[Type, str | None]:
        shape = expand(wanted)
        if isinstance(shape, Union):
            rest = [each for each in shape.members if each not in NILS]
            if len(rest) == 1:
                return self._table_for(node, rest[0])
            return self._table_for_union(node, wanted, rest)
        if isinstance(shape, Record):
            return self._table_for_record(node, wanted, shape)
        if isinstance(shape, Array):
            return wanted, self._table_for_array(node, shape)
        if isinstance(shape, Map):
            return wanted, self._table_for_map(node, shape)
        type_ = self.table(node)
        self.keep(node, type_)
        if shape in UNTYPED or shape in (TABLE, DYNAMIC):
            return type_, None
        if isinstance(shape, (TypeVariable, Interface, Table, Unresolved)):
            return type_, None if self.fits(type_, shape) else ""
        return type_, None if self.fits(type_, shape) else ""

    def _table_for_record(
        self, node: lua.Table, wanted: Type, shape: Record
    ) -> tuple[Type, str | None]:
        reason: str | None = None
        given: set[str] = set()
        for field in node.fields:
            name = field.name
            if name is None and field.key is not None:
                name = _constant_name(field.key)
                if name is None:
                    self.value(field.key)
                    self.value(field.value)
                    given.add("")  # an unknown key may be any of them
                    continue
            if name is None:
                if _opens(field.value):
                    self.results(field.value)
                else:
                    self.value(field.value)
                if reason is None and shape.fields:
                    reason = "a record has no positions"
                continue
            given.add(name)
            known = shape.fields.get(name)
            if known is None:
                self.value(field.value)
                continue
            type_, fault = self.accept(field.value, known.type)
            if fault is not None and not (
                known.optional and all(each in NILS for each in members(type_))
            ):
                if known.optional and self._without_nil_fits(type_, known.type):
                    continue
                self.unresolved(known.type)
                reason = (
                    reason
                    if reason is not None
                    else self._in_field(name, known.type, type_, fault)
                )
        if reason is None and "" not in given:
            for name, asked in shape.fields.items():
                lacking = name not in given and not asked.optional
                if lacking and not admits_nil(asked.type):
                    reason = f"field '{name}' is missing"
                    break
        self.keep(node, wanted)
        return wanted, reason

    def _without_nil_fits(self, type_: Type, wanted: Type) -> bool:
        rest = [each for each in members(type_) if each not in NILS]
        return all(self.fits(each, wanted) for each in rest)

    @staticmethod
    def _in_field(name: str, wanted: Type, got: Type, fault: str) -> str:
        if fault and (fault.startswith("field '")):
            inner = fault.removeprefix("field '")
            return f"field '{name}.{inner}"
        shown = show(got, literals=has_literals(expand(wanted)))
        return f"field '{name}': expected {show(wanted)}, got {shown}"

    def _table_for_array(self, node: lua.Table, shape: Array) -> str | None:
        reason: str | None = None
        last = node.fields[-1] if node.fields else None
        place = 0
        for field in node.fields:
            if field.name is not None or field.key is not None:
                key = None if field.key is None else self.value(field.key)
                self.value(field.value)
                named = field.name is not None or _is_text(key)
                if reason is None and named:
                    reason = "a list has no named fields"
                continue
            place += 1
            if field is last and _opens(field.value):
                given = self.results(field.value)
                types = list(given.types)
                if given.rest is not None:
                    types.append(given.rest)
                for each in types:
                    if each in NILS or self._without_nil_fits(each, shape.element):
                        continue
                    reason = reason or self._in_element(place, shape.element, each)
                continue
            type_, fault = self.accept(field.value, shape.element)
            if fault is not None and reason is None and type_ not in NILS:
                reason = self._in_element(place, shape.element, type_)
        return reason

    @staticmethod
    def _in_element(place: int, wanted: Type, got: Type) -> str:
        shown = show(got, literals=has_literals(expand(wanted)))
        return f"element {place}: expected {show(wanted)}, got {shown}"

    def _table_for_map(self, node: lua.Table, shape: Map) -> str | None:
        reason: str | None = None
        place = 0
        for field in node.fields:
            if field.name is not None:
                key: Type = literal(field.name)
            elif field.key is not None:
                key = self.value(field.key)
            else:
                place += 1
                key = literal(place)
            type_, fault = self.accept(field.value, shape.value)
            if reason is not None:
                continue
            if not self.fits(key, shape.key) and key not in UNTYPED:
                shown = show(key, literals=has_literals(expand(shape.key)))
                reason = f"key: expected {show(shape.key)}, got {shown}"
            elif fault is not None and not all(e in NILS for e in members(type_)):
                if self._without_nil_fits(type_, shape.value):
                    continue
                name = field.name or show(key)
                reason = self._in_field(name, shape.value, type_, fault)
        return reason

    def _table_for_union(
        self, node: lua.Table, wanted: Type, rest: list[Type]
    ) -> tuple[Type, str | None]:
        chosen = self._chosen_member(node, rest)
        if chosen is not None:
            _, reason = self._table_for(node, chosen)
            return chosen, reason
        tables = [
            each
            for each in rest
            if isinstance(expand(each), (Record, Array, Map, Interface))
        ]
        if len(tables) == 1:
            _, reason = self._table_for(node, tables[0])
            return tables[0], reason
        # Each member is tried without a word; the first that fits is taken for good.
        for each in tables if self.silent < _MOST_TRIALS else ():
            self.silent += 1
            try:
                _, reason = self._table_for(node, each)
            finally:
                self.silent -= 1
            if reason is None:
                self._table_for(node, each)
                return each, None
        type_ = self.table(node)
        self.keep(node, type_)
        if self.fits(type_, wanted):
            return wanted, None
        return type_, ""

    def _chosen_member(self, node: lua.Table, rest: list[Type]) -> Type | None:
        """Find the one member whose literal fields are those of a constructor."""
        given: dict[str, Type] = {}
        for field in node.fields:
            value = field.value
            constant = isinstance(value, lua.Constant) and value.kind != "nil"
            if field.name is not None and constant:
                given[field.name] = self.value(value)
        if not given:
            return None
        matching: list[Type] = []
        for each in rest:
            shape = expand(each)
            if not isinstance(shape, Record):
                continue
            tags = [
                (name, field)
                for name, field in shape.fields.items()
                if _is_tag(field) and name in given
            ]
            if tags and all(self.fits(given[name], field.type) for name, field in tags):
                matching.append(each)
        return matching[0] if len(matching) == 1 else None


def _is_tag(field: Field) -> bool:
    return all(
        isinstance(each, Literal) or each in NILS for each in members(field.type)
    )


def _is_text(key: Type | None) -> bool:
    return key is not None and widen(key) is STRING


def _constant_name(key: lua.Expression) -> str | None:
    if isinstance(key, lua.Constant) and key.kind == "string":
        return string_value(key.text).decode("latin-1")
    return None


def _opens(node: lua.Expression) -> bool:
    return isinstance(node, (lua.Call, lua.MethodCall, lua.Vararg))
