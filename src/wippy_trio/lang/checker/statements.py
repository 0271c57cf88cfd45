"""The chapter of statements: what each does to what is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wippy_trio.lang import syntax as lua
from wippy_trio.lang.checker.base import Results, State, Variable
from wippy_trio.lang.checker.locals import MULTIPLE, Locals
from wippy_trio.lang.diagnostics import LuaSyntaxError
from wippy_trio.lang.narrow import without_nil
from wippy_trio.lang.resolve import is_pair
from wippy_trio.lang.types import (
    DYNAMIC,
    INTEGER,
    NEVER,
    NILS,
    NUMBER,
    UNTYPED,
    Array,
    Function,
    Map,
    Type,
    admits_nil,
    expand,
    members,
    union,
)
from wippy_trio.lang.typetext import show

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Statements"]

_DEEPEST: Final = 250


class Statements(Locals):
    """Blocks, control flow, assignments."""

    __slots__ = ("walked",)

    walked: lua.Expression | None
    """The table that the ``for`` at hand walks with ``pairs`` or ``ipairs``."""

    def block(self, block: lua.Block) -> None:
        """Check the statements of a block in a scope of types of its own."""
        self.depth += 1
        try:
            if self.depth > _DEEPEST:
                return
            scopes = self.resolver.scopes
            scopes.append({})
            try:
                for node in block.statements:
                    self.statement(node)
            finally:
                scopes.pop()
        finally:
            self.depth -= 1

    def statement(self, node: lua.Statement) -> None:
        """Check a statement; a fault of ours in it is told and passed over."""
        counters = self.depth, self.silent, self.testing
        scopes = len(self.resolver.scopes)
        try:
            _STATEMENTS[node.__class__](self, node)
        except RecursionError:
            raise
        except Exception:  # noqa: BLE001 - our own fault must not stop a load (E9999)
            self.depth, self.silent, self.testing = counters
            del self.resolver.scopes[scopes:]
            message = "type checker internal error (skipped)"
            self.report("E9999", "warning", message, node.start, node.start + 1)

    # Declarations

    def _local_function(self, node: lua.LocalFunction) -> None:
        symbol = self.uses[node.name.start]
        variable = self.variable(symbol)
        variable.type = DYNAMIC
        type_ = self.function(node.function, variable=variable)
        variable.type = DYNAMIC if variable.written else type_
        if self.kept is not None:
            self.kept[node.name.start, node.name.end] = type_

    def _alias(self, node: lua.TypeAlias | lua.Interface) -> None:
        self.resolver.statement(node)

    # Control flow

    def _do(self, node: lua.Do) -> None:
        self.block(node.body)

    def _call_statement(self, node: lua.CallStatement) -> None:
        self.results(node.call)

    def _if(self, node: lua.If) -> None:
        ends: list[State] = []
        impossible = False
        for condition, body in node.branches:
            yes, no = self.condition(condition)
            before = self.state()
            self.learn(yes)
            if _is(condition, ("nil", "false")):
                self.dead = True
            self.block(body)
            ends.append(State(self.facts, self.links, self.dead))
            self.enter(before)
            self.learn(no)
            impossible = any(each is NEVER for each in no.values()) or _always(
                condition
            )
        if node.otherwise is not None:
            self.block(node.otherwise)
        elif impossible:
            self.dead = True
        ends.append(State(self.facts, self.links, self.dead))
        self.merge(ends)

    def _while(self, node: lua.While) -> None:
        self.loosen_span(node.start, node.end)
        yes, no = self.condition(node.condition)
        before = self.state()
        self.learn(yes)
        self.breaks.append([])
        self.block(node.body)
        exits = self.breaks.pop()
        if _always(node.condition):
            if not exits:
                self.enter(before)
                self.dead = True
                return
            self.merge(exits)
            return
        self.enter(before)
        self.learn(no)
        if exits:
            self.merge([State(self.facts, self.links, self.dead), *exits])

    def _repeat(self, node: lua.Repeat) -> None:
        self.loosen_span(node.start, node.end)
        self.breaks.append([])
        self.depth += 1
        scopes = self.resolver.scopes
        scopes.append({})
        try:
            if self.depth <= _DEEPEST:
                for each in node.body.statements:
                    self.statement(each)
            yes, _ = self.condition(node.condition)
        finally:
            scopes.pop()
            self.depth -= 1
        exits = self.breaks.pop()
        self.learn(yes)
        if _is(node.condition, ("nil", "false")):
            self.dead = True
        if exits:
            self.merge([State(self.facts, self.links, self.dead), *exits])

    def _numeric_for(self, node: lua.NumericFor) -> None:
        first = self._bound(node.first, "init")
        self._bound(node.limit, "limit")
        step: Type = INTEGER
        if node.step is not None:
            step = self._bound(node.step, "step")
        type_: Type = NUMBER
        if first is DYNAMIC or step is DYNAMIC:
            type_ = DYNAMIC
        elif first is INTEGER and step is INTEGER:
            type_ = INTEGER
        self.loosen_span(node.start, node.end)
        before = self.state()
        variable = self.variable(self.uses[node.variable.start])
        self._loop_variable(variable, node.variable, type_)
        for bound in (node.first, node.limit):
            self._in_range(bound, variable)
        self._loop_body(node.body, before)

    def _bound(self, node: lua.Expression, what: str) -> Type:
        type_ = self.value(node)
        kept = without_nil(type_)
        bad = self._bad_operand(node, type_ if kept is NEVER else kept) is not None
        if bad or isinstance(node, lua.Table):
            shown = show(type_, literals=False)
            self.error("E0000", f"for loop {what} must be numeric, got {shown}", node)
            return DYNAMIC
        found = union(
            INTEGER if each not in UNTYPED and self.fits(each, INTEGER) else each
            for each in map(expand, members(type_))
            if each not in NILS
        )
        return found if found in (INTEGER, NUMBER) else DYNAMIC

    def _in_range(self, node: lua.Expression, variable: Variable) -> None:
        """Note that a list has an element at a variable that runs up to its length."""
        if isinstance(node, lua.Binary) and node.operator == "-":
            node = node.left
        if isinstance(node, lua.Unary) and node.operator == "#":
            self._present(node.operand, variable)

    def _present(self, node: lua.Expression, variable: Variable) -> None:
        """Note that a table has something under the key that a variable holds."""
        key = self.path(node)
        if key is None or variable.written:
            return
        known = self.current(key)
        shape = None if known is None else expand(without_nil(known))
        if isinstance(shape, (Array, Map)):
            path = (*key, variable) if isinstance(key, tuple) else (key, variable)
            element = shape.element if isinstance(shape, Array) else shape.value
            self.know(path, element)

    def _loop_variable(
        self, variable: Variable, typed: lua.TypedName, type_: Type
    ) -> None:
        self.facts.pop(variable, None)
        if typed.type is not None:
            wanted = self.resolver.type(typed.type)
            variable.declared = wanted
            variable.type = wanted
            if not self.fits(type_, wanted) and type_ not in UNTYPED:
                shown, expected = self.pair(type_, wanted)
                message = f"cannot assign {shown} to {expected}"
                self.report("E0000", "error", message, typed.start, typed.end)
        else:
            variable.type = DYNAMIC if variable.written else type_
        if self.kept is not None:
            self.kept[typed.start, typed.end] = variable.type

    def _loop_body(self, body: lua.Block, before: State) -> None:
        self.breaks.append([])
        self.block(body)
        exits = self.breaks.pop()
        self.enter(before)
        if exits:
            self.merge([State(self.facts, self.links, self.dead), *exits])

    def _generic_for(self, node: lua.GenericFor) -> None:
        types = self._iterated(node.values)
        self.loosen_span(node.start, node.end)
        before = self.state()
        for at, typed in enumerate(node.names):
            variable = self.variable(self.uses[typed.start])
            type_ = types[at] if at < len(types) else DYNAMIC
            self._loop_variable(variable, typed, type_)
        if self.walked is not None:
            self._present(self.walked, self.variable(self.uses[node.names[0].start]))
        self._loop_body(node.body, before)

    def _iterated(self, nodes: list[lua.Expression]) -> list[Type]:
        """Return the types of the variables of a generic ``for``."""
        self.walked = None
        first = nodes[0]
        if isinstance(first, lua.Call) and len(nodes) == 1:
            callee = self.value(first.function)
            special = callee.special if isinstance(callee, Function) else ""
            if special in ("pairs", "ipairs") and first.arguments:
                base = self.spend(first.arguments)[0]
                self.walked = first.arguments[0]
                key, value = self.iterated(without_nil(base))
                if special == "ipairs":
                    known = key is INTEGER or base in UNTYPED or key is DYNAMIC
                    return [INTEGER, value if known else DYNAMIC]
                return [key, value]
        types, _, _ = self.values(nodes, 3, [])
        shape = expand(types[0]) if types else DYNAMIC
        if isinstance(shape, Function) and shape.special == "next" and len(types) > 1:
            return list(self.iterated(without_nil(types[1])))
        if isinstance(shape, Function) and not shape.untyped and shape.results:
            kept = [without_nil(shape.results[0]), *shape.results[1:]]
            if kept[0] is NEVER:
                kept[0] = DYNAMIC
            return kept
        return []

    # Jumps

    def _return(self, node: lua.Return) -> None:
        context = self.context
        wanted = context.wanted
        values = node.values
        if wanted is not None:
            asked: list[Type | None] = list(wanted)
            if self._fails(values, wanted):
                asked[0] = None
            types, _, rest = self.values(
                values,
                len(wanted),
                asked,
                "return" if len(wanted) < 2 else "place",
            )
            if context.insists and rest is None:
                for place in range(len(types), len(wanted)):
                    if not admits_nil(wanted[place]):
                        self.missing(node, place, wanted[place])
                        break
            if not context.insists:
                context.returns.append(Results(tuple(types), rest))
        elif len(values) == 1 and isinstance(values[0], MULTIPLE):
            context.returns.append(self.results(values[0]))
        else:
            types, _, rest = self.values(values, 250, [])
            context.returns.append(Results(tuple(types), rest))
        if not self.dead:
            context.exits.append(self.facts)
        self.dead = True

    @staticmethod
    def _fails(values: list[lua.Expression], wanted: tuple[Type, ...]) -> bool:
        """Tell whether a return is ``nil, err`` of a value-or-error pair.

        Its value is nil then, even where the annotation says plain ``T``: that is how
        the signatures of host modules are written too (types 3.6.6).
        """
        return (
            len(values) == 2
            and _is(values[0], ("nil",))
            and not _is(values[1], ("nil",))
            and is_pair(wanted)
        )

    def _break(self, node: lua.Break) -> None:
        if self.breaks:
            self.breaks[-1].append(self.state())
        else:
            self.error("E0019", "break outside loop", node)
        self.dead = True

    def _goto(self, node: lua.Goto) -> None:
        self.gotos.setdefault(node.name, []).append(self.state())
        self.dead = True

    def _label(self, node: lua.Label) -> None:
        waiting = self.gotos.pop(node.name, [])
        if waiting:
            self.merge([State(self.facts, self.links, self.dead), *waiting])
        if node.name in self._backward():
            self.dead = False
            self.loosen_span(node.start, self.context.node.end)

    def _backward(self) -> set[str]:
        """Return the labels that a ``goto`` below them names."""
        if self.labels is None:
            from wippy_trio.lang.jumps import resolve_jumps  # noqa: PLC0415 - rare

            try:
                jumps = resolve_jumps(self.chunk)
            except LuaSyntaxError:
                self.labels = set()  # told by whoever parses; here it changes nothing
            else:
                places = set(jumps.backward)
                self.labels = {
                    each.name
                    for each in jumps.names
                    if isinstance(each, lua.Goto) and each.start in places
                }
        return self.labels


def _always(node: lua.Expression) -> bool:
    return isinstance(node, lua.Constant) and node.kind not in ("nil", "false")


def _is(node: lua.Expression, kinds: tuple[str, ...]) -> bool:
    return isinstance(node, lua.Constant) and node.kind in kinds


_STATEMENTS: Final[dict[type, Callable[[Statements, Any], None]]] = {
    lua.Local: Statements._local,
    lua.LocalFunction: Statements._local_function,
    lua.FunctionStatement: Statements._function_statement,
    lua.Assign: Statements._assign,
    lua.CallStatement: Statements._call_statement,
    lua.Do: Statements._do,
    lua.While: Statements._while,
    lua.Repeat: Statements._repeat,
    lua.If: Statements._if,
    lua.NumericFor: Statements._numeric_for,
    lua.GenericFor: Statements._generic_for,
    lua.Return: Statements._return,
    lua.Break: Statements._break,
    lua.Goto: Statements._goto,
    lua.Label: Statements._label,
    lua.TypeAlias: Statements._alias,
    lua.Interface: Statements._alias,
}
