"""The chapter of locals: lists of values, declarations, what a local remembers."""

from __future__ import annotations

from typing import Any, Final

from wippy_trio.lang import syntax as lua
from wippy_trio.lang.checker.base import Link, Variable
from wippy_trio.lang.checker.targets import Targets
from wippy_trio.lang.types import (
    ANY,
    DYNAMIC,
    NILS,
    SOFT_NIL,
    UNKNOWN,
    UNTYPED,
    Type,
    Unresolved,
    admits_nil,
    expand,
)
from wippy_trio.lang.typetext import show

__all__ = ["MULTIPLE", "Locals"]

MULTIPLE: Final = (lua.Call, lua.MethodCall, lua.Vararg)
_DEEPEST: Final = 250


class Locals(Targets):
    """``local`` statements."""

    __slots__ = ()

    def _local(self, node: lua.Local) -> None:
        names, values = node.names, node.values
        self.last_linked = self.last_both = False
        wanted: list[Type | None] = [
            None if each.type is None else self.resolver.type(each.type)
            for each in names
        ]
        if len(names) == 1 and len(values) == 1 and wanted[0] is None:
            value = values[0]
            if value.__class__ is lua.Call or value.__class__ is lua.MethodCall:
                given = self.results(value)
                type_ = given.first
                if given.standard:
                    type_ = self.soft(type_)
            else:
                type_ = self.value(value)
            self._declare(names[0], None, type_, value)
            return
        types, nodes, last = self.values(values, len(names), wanted)
        for at, each in enumerate(names):
            annotation = wanted[at]
            given_type: Type | None
            if at < len(types):
                given_type = types[at]
            elif last is not None:
                given_type = last
            else:
                given_type = None
            value_node = nodes[at] if at < len(nodes) else None
            self._declare(each, annotation, given_type, value_node)
        if len(names) > 1:
            self._twice(names)
            if len(values) == 1:
                self._link(names, values[0], node)

    def _twice(self, names: list[lua.TypedName]) -> None:
        seen: set[str] = set()
        for each in names:
            if each.name in seen and each.name != "_":
                message = f"duplicate local '{each.name}'"
                self.report("E0017", "warning", message, each.start, each.end)
            seen.add(each.name)

    def values(
        self,
        nodes: list[lua.Expression],
        count: int,
        wanted: list[Type | None],
        what: str = "assign",
    ) -> tuple[list[Type], list[lua.Expression], Type | None]:
        """Evaluate a list of expressions for a number of places.

        Returns:
          The types by place, the expression each came from, and what fills the rest.
        """
        types: list[Type] = []
        sources: list[lua.Expression] = []
        rest: Type | None = None
        last = len(nodes) - 1
        for at, node in enumerate(nodes):
            expected = wanted[at] if at < len(wanted) else None
            if at == last and isinstance(node, MULTIPLE):
                given = (
                    self.results(node)
                    if node.__class__ is lua.Vararg
                    else self.call_results(node, expected)
                )
                for place, each in enumerate(given.types):
                    target = wanted[at + place] if at + place < len(wanted) else None
                    if target is not None:
                        self.compare(node, each, target, what)
                    elif given.linked and place == 1:
                        each = self.soft(each, SOFT_NIL)
                    elif given.standard and each not in UNTYPED:
                        each = self.soft(each)
                    types.append(each)
                    sources.append(node)
                self.last_linked, self.last_both = given.linked, given.both
                rest = given.rest
                if not given.types and rest is not None:
                    types.append(rest)
                    sources.append(node)
                    if expected is not None:
                        self.compare(node, rest, expected, what)
                if rest is not None:
                    rest = DYNAMIC
                break
            if expected is None:
                if node.__class__ is lua.Call or node.__class__ is lua.MethodCall:
                    given = self.results(node)
                    type_ = given.first
                    types.append(self.soft(type_) if given.standard else type_)
                else:
                    types.append(self.value(node))
            else:
                type_, fault = self.accept(node, expected)
                if fault is not None:
                    self.refuse(node, type_, expected, what, fault)
                types.append(type_)
            sources.append(node)
        return types, sources, rest

    def compare(
        self, node: lua.Expression, type_: Type, wanted: Type, what: str
    ) -> None:
        """Report a type that does not fit, of a value already evaluated."""
        if not self.fits(type_, wanted):
            self.refuse(node, type_, wanted, what, self.relation.reason(type_, wanted))

    def _declare(
        self,
        typed: lua.TypedName,
        annotation: Type | None,
        given: Type | None,
        node: lua.Expression | None,
    ) -> None:
        symbol = self.uses[typed.start]
        variable = self.variable(symbol)
        self.facts.pop(variable, None)
        if annotation is not None:
            variable.declared = annotation
            variable.type = annotation
            empty = given is None and not admits_nil(annotation) and not symbol.writes
            if empty and not self.unresolved(expand(annotation)):
                message = f"cannot assign nil to {show(annotation)}"
                self.report("E0000", "error", message, typed.start, typed.end)
            if isinstance(expand(annotation), Unresolved):
                if given is not None:
                    self.unresolved(expand(annotation))
                variable.type = DYNAMIC
            elif variable.inner:
                variable.type = self.soft(annotation, SOFT_NIL)
            elif given is not None:
                self.narrow(variable, given)
            elif admits_nil(annotation) and annotation not in UNTYPED:
                self.narrow(variable, SOFT_NIL)
        else:
            self._untyped(variable, given, node)
        if self.kept is not None:
            self.kept[typed.start, typed.end] = self.facts.get(variable, variable.type)

    def _untyped(
        self, variable: Variable, given: Type | None, node: lua.Expression | None
    ) -> None:
        symbol = variable.symbol
        assert symbol is not None
        type_ = SOFT_NIL if given is None else given
        if type_ in NILS:
            type_ = SOFT_NIL
        elif isinstance(node, lua.Table):
            if (
                symbol in self.survey.mutated
                or self.survey.escapes(symbol)
                or type_.__class__.__name__ == "Table"
            ):
                type_ = self.settle(type_, node, symbol)
        elif type_ is ANY or type_ is UNKNOWN:
            type_ = DYNAMIC
        if variable.written:
            variable.type = DYNAMIC if variable.inner else self.survey.steady(symbol)
            if not variable.inner and type_ is not DYNAMIC:
                self.facts[variable] = self._general(type_)
            return
        variable.type = type_
        if node is not None:
            self._remember(variable, node)

    def _remember(self, variable: Variable, node: lua.Expression) -> None:
        """Note what a variable that is never assigned again was made from."""
        kind = node.__class__
        if kind is lua.Binary or kind is lua.Unary:
            if node.operator in _TESTS and self._still(node):  # type: ignore[union-attr]
                variable.condition = node
        elif kind is lua.Field:
            key = self.path(node)
            if isinstance(key, tuple) and not key[0].written:
                variable.copy = key
        elif kind is lua.Call and _required(node) is not None:
            variable.module = _required(node)
        elif kind is lua.Call or kind is lua.MethodCall:
            target, about = self._is_call(node)  # type: ignore[arg-type]
            if target is not None and about and self._still(node):
                variable.condition = node

    def _still(self, node: lua.Expression) -> bool:
        """Tell whether a test asks only about variables that never change."""
        pending: list[Any] = [node]
        while pending:
            each = pending.pop()
            if isinstance(each, lua.Name):
                symbol = self.uses.get(each.start)
                if symbol is not None and symbol.writes:
                    return False
            elif isinstance(each, lua.Binary):
                pending.extend((each.left, each.right))
            elif isinstance(each, lua.Unary):
                pending.append(each.operand)
            elif isinstance(each, lua.Paren):
                pending.append(each.inner)
            elif isinstance(each, lua.Call):
                pending.extend((each.function, *each.arguments))
            elif isinstance(each, lua.MethodCall):
                pending.extend((each.base, *each.arguments))
            elif isinstance(each, lua.Field):
                pending.append(each.base)
            elif not isinstance(each, lua.Constant):
                return False
        return True

    def _link(
        self, names: list[lua.TypedName], value: lua.Expression, node: lua.Local
    ) -> None:
        """Tie the variables of a value and its error together."""
        first = self.variable(self.uses[names[0].start])
        second = self.variable(self.uses[names[1].start])
        self.tie(first, second, value)
        del node

    def tie(self, first: Variable, second: Variable, value: lua.Expression) -> None:
        """Link two variables that one call gave its first two results."""
        if not isinstance(value, (lua.Call, lua.MethodCall)):
            return
        target, about = self._is_call(value)
        if target is not None:
            key = self.path(about[0]) if about else None
            proof = None if key is None else (key, target)
            link = Link(first, second, about=proof)
        elif self.last_both:
            link = Link(first, second, both=True)
        elif self.last_linked:
            link = Link(first, second)
        else:
            return
        self.links[first] = link
        self.links[second] = link


def _required(node: lua.Expression) -> str | None:
    if not isinstance(node, lua.Call) or len(node.arguments) != 1:
        return None
    function, name = node.function, node.arguments[0]
    if not isinstance(function, lua.Name) or function.name != "require":
        return None
    if isinstance(name, lua.Constant) and name.kind == "string":
        return name.text.strip("\"'")
    return None


_TESTS: Final = frozenset(("==", "~=", "and", "or", "not"))
