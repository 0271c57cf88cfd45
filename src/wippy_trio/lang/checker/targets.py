"""The chapter of assignments: variables, fields, elements, named functions."""

from __future__ import annotations

from typing import Any

from wippy_trio.lang import syntax as lua
from wippy_trio.lang.checker.arguments import advice
from wippy_trio.lang.checker.base import Variable
from wippy_trio.lang.checker.functions import Functions
from wippy_trio.lang.narrow import keep, without_nil
from wippy_trio.lang.strings import string_value
from wippy_trio.lang.types import (
    DYNAMIC,
    FALSE,
    INTEGER,
    NEVER,
    NIL,
    NILS,
    NUMBER,
    SOFT_NIL,
    STRING,
    UNTYPED,
    Array,
    Interface,
    List,
    Map,
    Record,
    Table,
    Type,
    Union,
    Unresolved,
    expand,
    members,
    optional,
    put,
    widen,
)
from wippy_trio.lang.typetext import show

__all__ = ["Targets"]


class Targets(Functions):
    """What is assigned, and to what."""

    __slots__ = ("labels", "last_both", "last_linked")

    labels: set[str] | None
    last_both: bool
    last_linked: bool

    def values(
        self,
        nodes: list[lua.Expression],
        count: int,
        wanted: list[Type | None],
        what: str = "assign",
    ) -> tuple[list[Type], list[lua.Expression], Type | None]:
        """Evaluate a list of expressions for a number of places."""
        raise NotImplementedError

    def tie(self, first: Variable, second: Variable, value: lua.Expression) -> None:
        """Link two variables that one call gave its first two results."""
        raise NotImplementedError

    def refuse(
        self, node: lua.Expression, type_: Type, wanted: Type, what: str, fault: str
    ) -> None:
        """Report a value that does not fit where it goes."""
        shape = expand(wanted)
        if self.unresolved(shape) or isinstance(expand(type_), Unresolved):
            return
        if isinstance(shape, Union):
            for each in shape.members:
                if self.unresolved(expand(each)):
                    return
        inner = node
        while isinstance(inner, lua.Paren):
            inner = inner.inner
        if isinstance(inner, lua.Table) and not isinstance(
            expand(type_), (Table, List)
        ):
            shown, expected = "table", show(wanted)
        else:
            shown, expected = self.pair(type_, wanted)
        if what == "assign":
            message = f"cannot assign {shown} to {expected}"
        elif what == "place":
            place = self._place_of(node, wanted)
            message = f"cannot return {shown} at position {place}, expected {expected}"
        else:
            message = f"cannot return {shown}, expected {expected}"
        if fault:
            message += f": {fault}"
        self.error("E0000", message, node, advice(type_, wanted))

    def _place_of(self, node: lua.Expression, wanted: Type) -> int:
        types = self.context.wanted or ()
        places = [at for at, each in enumerate(types, 1) if each is wanted]
        return places[0] if places else 1

    def narrow(self, variable: Variable, given: Type) -> None:
        """Note which members of its declared type a variable holds."""
        declared = variable.declared
        if declared is None or given in UNTYPED:
            return
        shape = expand(declared)
        if not isinstance(shape, Union):
            return
        parts = members(given)

        def could_be(each: Type) -> bool:
            return any(
                self.fits(part, each) for part in parts if part is not SOFT_NIL
            ) or (each in NILS and any(part in NILS for part in parts))

        kept = keep(declared, could_be)
        if kept is not declared and kept is not NEVER:
            self.facts[variable] = kept

    # Assignments

    def _assign(self, node: lua.Assign) -> None:
        self.last_linked = self.last_both = False
        wanted = [self._wanted_by(each) for each in node.targets]
        types, nodes, rest = self.values(node.values, len(wanted), wanted)
        for at, target in enumerate(node.targets):
            type_: Type | None = types[at] if at < len(types) else rest
            if type_ is None:
                type_ = SOFT_NIL
                expected = wanted[at]
                if expected is not None and not self.fits(SOFT_NIL, expected):
                    self.refuse(target, type_, expected, "assign", "")
            self._store(target, type_, nodes[at] if at < len(nodes) else None)
        if len(node.targets) == 2 and len(node.values) == 1:
            one, other = (self.path(each) for each in node.targets)
            if isinstance(one, Variable) and isinstance(other, Variable):
                self.tie(one, other, node.values[0])

    def _wanted_by(self, target: lua.Name | lua.Field | lua.Index) -> Type | None:
        """Return the type that a target demands, if it demands one."""
        if isinstance(target, lua.Name):
            symbol = self.uses.get(target.start)
            return None if symbol is None else self.variable(symbol).declared
        base = self.value(target.base)
        if base in UNTYPED:
            if isinstance(target, lua.Index):
                self.value(target.key)
            return None
        shape = expand(without_nil(base))
        if isinstance(target, lua.Field):
            return self._field_target(shape, base, target.name, target)
        if isinstance(target.key, lua.Constant) and target.key.kind == "string":
            name = string_value(target.key.text).decode("latin-1")
            return self._field_target(shape, base, name, target)
        key = self.value(target.key)
        if isinstance(shape, Array):
            if shape.readonly:
                self._readonly(base, target.base)
            return optional(shape.element)
        if isinstance(shape, Map):
            if shape.readonly:
                self._readonly(base, target.base)
            kept = without_nil(key)
            if kept in UNTYPED or kept is NEVER or self.fits(kept, shape.key):
                return optional(shape.value)
            if kept is NUMBER and self.fits(INTEGER, shape.key):
                return optional(shape.value)
            message = f"cannot index type {show(base)}"
            self.error("E0000", message, target.base)
        return None

    def _field_target(
        self, shape: Type, base: Type, name: str, target: lua.Field | lua.Index
    ) -> Type | None:
        if isinstance(shape, Record):
            field = shape.fields.get(name)
            if field is None:
                return None
            if field.readonly or shape.readonly:
                message = f"cannot assign to readonly field '{name}'"
                start = (
                    target.name_start if isinstance(target, lua.Field) else target.start
                )
                self.report("E0008", "warning", message, start, target.end)
            return optional(field.type) if field.optional else field.type
        if isinstance(shape, Map):
            if shape.readonly:
                self._readonly(base, target.base)
            if self.fits(STRING, shape.key):
                return optional(shape.value)
        return None

    def _store(
        self,
        target: lua.Name | lua.Field | lua.Index,
        type_: Type,
        node: lua.Expression | None,
    ) -> None:
        if isinstance(target, lua.Name):
            symbol = self.uses.get(target.start)
            if symbol is None:
                self.forget(self.global_variable(target.name))
                return
            variable = self.variable(symbol)
            self.forget(variable)
            if variable.inner:
                return
            if variable.declared is not None:
                self.narrow(variable, type_)
            else:
                if type_ in UNTYPED or isinstance(expand(type_), Unresolved):
                    self.facts[variable] = DYNAMIC
                elif type_ is NIL and isinstance(node, lua.Constant):
                    self.facts[variable] = NIL
                else:
                    self.facts[variable] = self._general(type_)
            return
        base = self.value(target.base) if self._cheap(target.base) else DYNAMIC
        key = self.path(target)
        if isinstance(key, tuple):
            self.forget_path(key)
        shape = expand(without_nil(base))
        if isinstance(shape, Table):
            self._learn_field(shape, target, type_)
        elif (
            isinstance(key, tuple)
            and isinstance(shape, (Record, Map, Array))
            and type_ not in UNTYPED
        ):
            kept = without_nil(type_)
            if kept is type_ and not any(each in NILS for each in members(type_)):
                self._know_element(key, shape, kept)

    def _know_element(self, key: tuple[Any, ...], shape: Type, type_: Type) -> None:
        """Note that a place that may be empty has just been filled."""
        if isinstance(shape, (Map, Array)):
            self.know(key, shape.value if isinstance(shape, Map) else shape.element)
        elif isinstance(shape, Record) and isinstance(key[-1], str):
            field = shape.fields.get(key[-1])
            if field is not None and (
                field.optional or isinstance(expand(field.type), Union)
            ):
                parts = members(type_)
                kept = keep(
                    field.type,
                    lambda each: (
                        each not in NILS
                        and any(self.fits(part, each) for part in parts)
                    ),
                )
                if kept is not NEVER:
                    self.know(key, kept)

    @staticmethod
    def _cheap(node: lua.Expression) -> bool:
        """Tell whether an expression may be evaluated twice without a thought."""
        while isinstance(node, (lua.Field, lua.Index)):
            if isinstance(node, lua.Index) and not isinstance(
                node.key, (lua.Constant, lua.Name)
            ):
                return False
            node = node.base
        return isinstance(node, lua.Name)

    def _learn_field(
        self, shape: Table, target: lua.Field | lua.Index, type_: Type
    ) -> None:
        """Let a table without annotation learn what is put into it."""
        if shape.name or shape.sealed:
            return  # a library
        if isinstance(target, lua.Field):
            name = target.name
        elif isinstance(target.key, lua.Constant) and target.key.kind == "string":
            name = string_value(target.key.text).decode("latin-1")
        else:
            key = self.value(target.key)
            if widen(key) in (INTEGER, NUMBER):
                put(shape, self._general(type_))
            else:
                shape.open = True
            return
        if name.startswith("__") or name not in shape.fields:
            # Nil and false often hold the place of what comes later.
            unsure = type_ in NILS or type_ is FALSE
            shape.fields[name] = DYNAMIC if unsure else self._general(type_)
            shape.learned.add(name)

    def _general(self, type_: Type) -> Type:
        """Return what a place that may be assigned again holds."""
        if isinstance(type_, List):
            return self.loose_list(type_)
        if type_ in NILS:
            return SOFT_NIL
        return widen(type_)

    # Functions

    def _function_statement(self, node: lua.FunctionStatement) -> None:
        target = node.target
        if isinstance(target, lua.Name):
            symbol = self.uses.get(target.start)
            if symbol is None:
                type_ = self.function(node.function)
                variable = self.global_variable(target.name)
                if target.name not in self.survey.replaced_twice:
                    variable.type = type_
                return
            variable = self.variable(symbol)
            expected = variable.declared
            type_ = self.function(node.function, expected)
            if expected is not None and not self.fits(type_, expected):
                self.refuse(target, type_, expected, "assign", "")
            self.forget(variable)
            if not variable.inner and variable.declared is None:
                self.facts[variable] = type_
            return
        base = self.value(target.base)
        shape = expand(base)
        receiver: Type = DYNAMIC
        if node.method:
            receiver = self._self_of(base, shape)
        learns = isinstance(shape, Table) and not shape.name and not shape.sealed
        if isinstance(shape, Table) and learns:
            made = self.early(node.function)
            if made is not None:
                shape.fields[target.name] = made
        expected = None
        if isinstance(shape, Record) and target.name in shape.fields:
            expected = shape.fields[target.name].type
        type_ = self.function(node.function, expected, receiver)
        if isinstance(shape, Table) and learns:
            shape.fields[target.name] = type_
        key = self.path(target)
        if isinstance(key, tuple):
            self.forget_path(key)

    def early(self, node: lua.Function) -> Type | None:
        """Return the annotated type of a function before its body is checked."""
        if node.returns is None:
            return None
        self.resolver.scopes.append({})
        unresolved = len(self.resolver.unresolved)
        try:
            return self.declare(node, None, None)
        finally:
            del self.resolver.unresolved[unresolved:]
            self.resolver.scopes.pop()

    @staticmethod
    def _self_of(base: Type, shape: Type) -> Type:
        """Return what ``self`` is in a method of a table."""
        if isinstance(shape, Table):
            made = Table({}, open=True)
            made.index = shape
            made.meta = shape
            return made
        if isinstance(shape, (Record, Interface)):
            return base
        return DYNAMIC
