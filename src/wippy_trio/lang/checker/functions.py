"""The chapter of functions: signatures, bodies, what they return and prove (3.5.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wippy_trio.lang.checker.base import Facts, Results, State, Variable
from wippy_trio.lang.checker.conditions import NOT_NIL, SAME, TRUTHY
from wippy_trio.lang.checker.specials import Specials
from wippy_trio.lang.resolve import is_pair
from wippy_trio.lang.types import (
    DYNAMIC,
    NEVER,
    NILS,
    SOFT_NIL,
    UNTYPED,
    Effect,
    Function,
    Intersection,
    Parameter,
    Type,
    TypeVariable,
    Union,
    admits_nil,
    expand,
    optional,
    union,
    widen,
)
from wippy_trio.lang.typetext import show

if TYPE_CHECKING:
    from wippy_trio.lang import syntax as lua
    from wippy_trio.lang.bind import Symbol

__all__ = ["Context", "Functions"]


class Context:
    """The function whose body is being checked.

    Attributes:
      wanted: The types it must return; None if nobody said.
      insists: Whether its end must not be reached without a value.
      returns: What it returns, as far as nobody said.
      exits: What is known at each normal end.
      vararg: The type of its extra arguments.
      never: Whether no way through the body ends normally.
      parameters: Its parameters, ``self`` first.
    """

    __slots__ = (
        "exits",
        "insists",
        "never",
        "node",
        "parameters",
        "returns",
        "vararg",
        "wanted",
    )

    def __init__(self, node: lua.Function, vararg: Type) -> None:
        self.node = node
        self.vararg = vararg
        self.wanted: tuple[Type, ...] | None = None
        self.insists = False
        self.never = False
        self.returns: list[Results] = []
        self.exits: list[Facts] = []
        self.parameters: list[Variable] = []


class Functions(Specials):
    """Functions and their bodies."""

    __slots__ = ("context", "selves", "signatures")

    context: Context
    selves: dict[lua.Function, Symbol]
    signatures: dict[lua.Function, Function]

    def vararg(self) -> Type:
        """Return the type of the extra arguments of the function at hand."""
        return self.context.vararg

    def signature(self, node: lua.Function) -> Type:
        """Return what is known of a function whose body was not reached yet."""
        return self.signatures.get(node, DYNAMIC)

    # Signatures

    def declare(
        self, node: lua.Function, expected: Function | None, receiver: Type | None
    ) -> Function:
        """Read the annotations of a function; its type parameters are in scope."""
        generics: tuple[TypeVariable, ...] = ()
        if node.generics:
            generics = self.resolver.generics(node.generics, self.resolver.scopes[-1])
        resolve = self.resolver.type
        parameters: list[Parameter] = []
        typed = bool(generics)
        if node.has_self:
            parameters.append(Parameter("self", DYNAMIC, True))
        shift = 0
        hints = expected.parameters if expected is not None else ()
        if node.has_self and hints and hints[0].name != "self":
            shift = -1
        for each in node.parameters:
            if each.type is not None:
                type_ = resolve(each.type)
                if each.optional:
                    type_ = optional(type_)
                parameters.append(Parameter(each.name, type_, each.optional))
                typed = True
                continue
            at = len(parameters) + shift
            hint: Type = DYNAMIC
            if at < len(hints):
                hint = hints[at].type
            elif expected is not None and expected.variadic is not None:
                hint = expected.variadic
            parameters.append(Parameter(each.name, hint, True))
        variadic: Type | None = None
        if node.vararg is not None:
            variadic = DYNAMIC
            if node.vararg.type is not None:
                variadic = resolve(node.vararg.type)
                typed = True
        results: tuple[Type, ...] = ()
        rest: Type | None = DYNAMIC
        effects: tuple[Effect, ...] = ()
        returns = node.returns
        if returns is not None:
            typed = True
            rest = None
            if returns.asserts is not None:
                names = [each.name for each in parameters]
                effects = self.resolver.asserts(returns.asserts, names)
                rest = DYNAMIC
            else:
                results = tuple([resolve(each) for each in returns.types])
        del receiver
        return Function(
            tuple(parameters),
            results,
            variadic=variadic,
            rest=rest,
            generics=generics,
            untyped=not typed and expected is None,
            effects=effects,
            linked=is_pair(results),
        )

    # Bodies

    def function(
        self,
        node: lua.Function,
        expected: Type | None = None,
        receiver: Type | None = None,
        variable: Variable | None = None,
    ) -> Type:
        """Check a function and return its type.

        Args:
          node: The function.
          expected: The type that waits for it.
          receiver: What ``self`` is.
          variable: The local it is named by, which its body may call.
        """
        hint = _hint(expected)
        self.resolver.scopes.append({})
        try:
            made = self.declare(node, hint, receiver)
            self.signatures[node] = made
            if variable is not None and variable.declared is None:
                variable.type = made
            context = Context(node, DYNAMIC if made.variadic is None else made.variadic)
            if node.returns is not None:
                if node.returns.asserts is None:
                    context.wanted = made.results
                    context.insists = True
            elif hint is not None and hint.results:
                context.wanted = hint.results
            self._body(node, made, context, receiver)
        finally:
            self.resolver.scopes.pop()
        made = self._finish(node, made, context)
        self.signatures[node] = made
        return made

    def _body(
        self,
        node: lua.Function,
        made: Function,
        context: Context,
        receiver: Type | None,
    ) -> None:
        outer = self.context, self.breaks, self.gotos, self.testing
        state = State(self.facts, self.links, self.dead)
        self.context, self.breaks, self.gotos, self.testing = context, [], {}, 0
        self.facts, self.links = self._captured(node), {}
        # The place where a function is made may be one that is never reached; its body
        # is silent there too.
        self._parameters(node, made, context, receiver)
        dead = self.dead
        try:
            self.block(node.body)
            if not self.dead:
                self._end(node, context)
        finally:
            self.context, self.breaks, self.gotos, self.testing = outer
            context.never = self.dead and not dead and not context.exits
            self.facts, self.links, self.dead = state

    def _captured(self, node: lua.Function) -> Facts:
        """Keep the facts that still hold whenever the function will run."""
        facts: Facts = {}
        start = node.start
        for key, type_ in self.facts.items():
            root = key[0] if key.__class__ is tuple else key
            symbol = root.symbol
            if (
                symbol is None
                or not symbol.writes
                or (symbol.writes[-1] < start and not symbol.assigned_in_loop)
            ):
                facts[key] = type_
        return facts

    def _parameters(
        self,
        node: lua.Function,
        made: Function,
        context: Context,
        receiver: Type | None,
    ) -> None:
        place = 0
        if node.has_self:
            symbol = self.selves.get(node)
            if symbol is not None:
                variable = self.variable(symbol)
                variable.type = DYNAMIC if receiver is None else receiver
                context.parameters.append(variable)
            place = 1
        for parameter, known in zip(
            node.parameters, made.parameters[place:], strict=True
        ):
            symbol = self.uses[parameter.start]
            variable = self.variable(symbol)
            if parameter.type is not None:
                variable.declared = known.type
            variable.type = known.type
            if variable.inner:
                variable.type = self.soft(known.type, SOFT_NIL)
            if variable.written and variable.declared is None:
                variable.type = DYNAMIC
            if not variable.written:
                variable.parameter = place
            context.parameters.append(variable)
            place += 1
            if self.kept is not None:
                self.kept[parameter.start, parameter.end] = variable.type

    def _end(self, node: lua.Function, context: Context) -> None:
        """Take note that the end of a body is reached."""
        context.exits.append(self.facts)
        if context.wanted is not None and context.insists:
            for wanted in context.wanted:
                if not admits_nil(wanted) and not self._hopeless(wanted):
                    end = min(node.start + len("function"), node.end)
                    self.report("E0010", "error", "missing return", node.start, end)
                    return
        if context.returns:
            context.returns.append(Results((), None))

    def _hopeless(self, wanted: Type) -> bool:
        return self.unresolved(expand(wanted))

    def _finish(self, node: lua.Function, made: Function, context: Context) -> Function:
        """Add what the body showed to what was annotated."""
        results, rest, linked = made.results, made.rest, made.linked
        exits = context.exits
        never = context.never
        if node.returns is None:
            if never:
                results, rest = (NEVER,), None
            elif not context.returns:
                results, rest = (), None if exits else DYNAMIC
            else:
                results, rest, linked = join_returns(context.returns)
        effects = made.effects
        if not effects and exits:
            effects = self._promises(context, exits)
        return Function(
            made.parameters,
            results,
            variadic=made.variadic,
            rest=rest,
            generics=made.generics,
            untyped=made.untyped,
            effects=effects,
            linked=linked,
        )

    @staticmethod
    def _promises(context: Context, exits: list[Facts]) -> tuple[Effect, ...]:
        """Return the conditions on parameters that hold at every normal end."""
        found: list[Effect] = []
        first = exits[0]
        if not first:
            return ()
        for place, variable in enumerate(context.parameters):
            if variable.parameter < 0:
                continue
            if all((variable, TRUTHY) in facts for facts in exits):
                found.append(Effect(place, "truthy"))
            elif all((variable, NOT_NIL) in facts for facts in exits):
                found.append(Effect(place, "not nil"))
            known = first.get(variable)
            sure = known is not None and known not in UNTYPED and known not in NILS
            if sure and all(facts.get(variable) is known for facts in exits):
                found.append(Effect(place, "type", known))
            found.extend(
                Effect(place, "same", None, key[2])
                for key in first
                if key.__class__ is tuple
                and key[:2] == (variable, SAME)
                and all(key in facts for facts in exits)
            )
        return tuple(found)

    def missing(self, node: lua.Return, place: int, wanted: Type) -> None:
        """Report a ``return`` without the value of a position."""
        if not self.unresolved(expand(wanted)):
            message = f"missing return value at position {place + 1}"
            self.error("E0010", f"{message} (expected {show(wanted)})", node)


def _hint(expected: Type | None) -> Function | None:
    if expected is None:
        return None
    shape = expand(expected)
    if isinstance(shape, Union):
        functions = [
            each for each in map(expand, shape.members) if isinstance(each, Function)
        ]
        return functions[0] if len(functions) == 1 else None
    if isinstance(shape, Intersection):
        return None
    return shape if isinstance(shape, Function) and not shape.untyped else None


def join_returns(
    returns: list[Results],
) -> tuple[tuple[Type, ...], Type | None, bool]:
    """Join what the returns of a body give, by position, and tell whether they pair."""
    most = max(len(each.types) for each in returns)
    rest: Type | None = None
    for each in returns:
        if each.rest is not None:
            rest = DYNAMIC
    results: list[Type] = []
    for place in range(most):
        types: list[Type] = []
        for each in returns:
            if place < len(each.types):
                types.append(widen(each.types[place]))
            elif each.rest is not None:
                types.append(DYNAMIC)
            else:
                types.append(SOFT_NIL)
        results.append(union(_soft(each) for each in types))
    return tuple(results), rest, _pairs(returns)


def _soft(type_: Type) -> Type:
    if type_ in NILS:
        return SOFT_NIL
    return type_


def _pairs(returns: list[Results]) -> bool:
    """Tell whether every return is a value or else an error."""
    failed = False
    for each in returns:
        if each.linked:
            failed = True
            continue
        if each.rest is not None or not 1 <= len(each.types) <= 2:
            return False
        value = each.types[0]
        error = each.types[1] if len(each.types) == 2 else SOFT_NIL
        if value in NILS and error not in NILS:
            if admits_nil(error) and error not in UNTYPED:
                return False
            failed = True
        elif error not in NILS or (admits_nil(value) and value not in UNTYPED):
            return False
    return failed
