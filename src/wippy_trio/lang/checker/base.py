"""What all chapters of the checker share: variables, facts, findings.

The checker walks a source once, forward. What it learns on the way stands in ``facts``:
the type of a variable, or of a path such as ``cfg.db.host``, as far as it differs from
what was declared. Where ways part the facts are copied, where they meet they are
joined. Links tell that two variables hold a value or else an error.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Any, NamedTuple

from wippy_trio.lang.diagnostics import Diagnostic, Lines
from wippy_trio.lang.resolve import Resolver, Surroundings
from wippy_trio.lang.subtype import Relation
from wippy_trio.lang.types import (
    DYNAMIC,
    NIL,
    NILS,
    SOFT_NIL,
    STANDARD_NIL,
    Type,
    Unresolved,
    expand,
    union,
)
from wippy_trio.lang.typetext import has_literals, show

if TYPE_CHECKING:
    from wippy_trio.lang import syntax as lua
    from wippy_trio.lang.bind import Bindings, Symbol
    from wippy_trio.lang.checker.survey import Survey
    from wippy_trio.lang.diagnostics import Severity
    from wippy_trio.lang.parser import Chunk

__all__ = ["Base", "Facts", "Key", "Link", "Results", "State", "Variable"]

_MOST_FACTS = 4_000


class Variable:
    """A variable, with what the checker knows of it.

    Attributes:
      symbol: What the binder says of it; None for a global.
      declared: The type of its annotation.
      type: What it holds where no fact says more.
      condition: The test whose result it keeps.
      copy: The path it is a copy of.
      module: The name of the module that it was required from.
      paths: The paths that ever began with it.
    """

    __slots__ = (
        "condition",
        "copy",
        "declared",
        "inner",
        "module",
        "name",
        "parameter",
        "paths",
        "symbol",
        "type",
        "written",
    )

    def __init__(self, name: str, symbol: Symbol | None, type_: Type) -> None:
        self.name = name
        self.symbol = symbol
        self.declared: Type | None = None
        self.type = type_
        self.condition: lua.Expression | None = None
        self.copy: Key | None = None
        self.module: str | None = None
        self.paths: set[Key] | None = None
        self.parameter = -1
        self.written = symbol is None or bool(symbol.writes)
        self.inner = symbol is not None and symbol.written_inside

    def __repr__(self) -> str:
        return f"<variable {self.name}>"


Key = Variable | tuple[Any, ...]
"""What a fact is about: a variable, or a path that begins with one."""

Facts = dict[Any, Type]


class Link(NamedTuple):
    """Two variables that hold a value or else an error, or both something or nothing.

    Attributes:
      value: The variable of the value.
      error: That of the error, or the other of two that come together.
      both: Whether they are nil together.
      about: What a successful ``T:is(x)`` proves: the path of ``x`` and its type.
    """

    value: Variable | None
    error: Variable
    both: bool = False
    about: tuple[Key, Type] | None = None


class Results(NamedTuple):
    """What a call or ``...`` gives: types by position and what may follow."""

    types: tuple[Type, ...]
    rest: Type | None
    linked: bool = False
    standard: bool = False
    both: bool = False

    @property
    def first(self) -> Type:
        """The one value it is cut to."""
        if self.types:
            return self.types[0]
        return SOFT_NIL if self.rest is None else self.rest


class State(NamedTuple):
    """What is known at one place."""

    facts: Facts
    links: dict[Variable, Link]
    dead: bool


class Base(Surroundings):
    """The ground of the checker."""

    __slots__ = (
        "bindings",
        "breaks",
        "chunk",
        "dead",
        "depth",
        "facts",
        "found",
        "globals",
        "gotos",
        "kept",
        "lines",
        "links",
        "relation",
        "resolver",
        "said",
        "silent",
        "survey",
        "uses",
        "variables",
    )

    def __init__(
        self, chunk: Chunk, bindings: Bindings, survey: Survey, *, keep: bool
    ) -> None:
        self.chunk = chunk
        self.bindings = bindings
        self.survey = survey
        self.uses = bindings.uses
        self.lines = Lines(chunk.text)
        self.relation = Relation()
        self.resolver = Resolver(self, self.relation)
        self.found: list[Diagnostic] = []
        self.said: set[tuple[str, int, str]] = set()
        self.variables: dict[Symbol, Variable] = {}
        self.globals: dict[str, Variable] = {}
        self.facts: Facts = {}
        self.links: dict[Variable, Link] = {}
        self.dead = False
        self.silent = 0
        self.depth = 0
        self.breaks: list[list[State]] = []
        self.gotos: dict[str, list[State]] = {}
        self.kept: dict[tuple[int, int], Type] | None = {} if keep else None

    # Findings

    def report(
        self,
        code: str,
        severity: Severity,
        message: str,
        start: int,
        end: int,
        help: str | None = None,  # noqa: A002 - the field's own name
    ) -> None:
        """Add a finding, once, unless nothing can reach this place."""
        if self.silent or self.dead:
            return
        mark = (code, start, message)
        if mark in self.said:
            return
        self.said.add(mark)
        if not message.isascii():
            message = message.encode("latin-1", "replace").decode("utf-8", "replace")
        self.found.append(
            self.lines.diagnostic(code, severity, message, start, end, help=help)
        )

    def error(
        self,
        code: str,
        message: str,
        node: lua.Node,
        help: str | None = None,  # noqa: A002 - the field's own name
    ) -> None:
        """Report an error at a node."""
        self.report(code, "error", message, node.start, node.end, help)

    def complain(self, code: str, message: str, start: int, end: int) -> None:
        """Take a warning about a type."""
        self.report(code, "warning", message, start, end)

    def unresolved(self, type_: Type) -> bool:
        """Report a type without meaning that a value meets."""
        if not isinstance(type_, Unresolved):
            return False
        if not type_.reported and not self.silent and not self.dead:
            type_.reported = True
            if type_.circular:
                message = f"circular type reference '{type_.name}'"
                self.report("E0013", "error", message, type_.start, type_.end)
            else:
                message = f"unknown type '{type_.name}'"
                self.report("E0012", "error", message, type_.start, type_.end)
        return True

    def fits(self, one: Type, other: Type) -> bool:
        """Tell whether a value of one type may stand for another."""
        if one is other:
            return True
        return self.relation.fits(one, other)

    @staticmethod
    def pair(one: Type, other: Type) -> tuple[str, str]:
        """Write two types that do not fit; literals only where the other has them."""
        return show(one, literals=has_literals(expand(other))), show(other)

    # Variables

    def variable(self, symbol: Symbol) -> Variable:
        """Return the variable of a symbol."""
        found = self.variables.get(symbol)
        if found is None:
            found = self.variables[symbol] = Variable(symbol.name, symbol, DYNAMIC)
        return found

    def keep(self, node: lua.Node, type_: Type) -> None:
        """Remember the type of a node, if anybody asks for it later."""
        if self.kept is not None:
            self.kept[node.start, node.end] = type_

    # Facts

    def state(self) -> State:
        """Return a copy of what is known here."""
        return State(dict(self.facts), dict(self.links), self.dead)

    def enter(self, state: State) -> None:
        """Go on from a state; it must not be used any more."""
        self.facts, self.links, self.dead = state

    def fork(self, state: State) -> None:
        """Go on from a copy of a state."""
        self.facts = dict(state.facts)
        self.links = dict(state.links)
        self.dead = state.dead

    def know(self, key: Key, type_: Type) -> None:
        """Note a fact."""
        if key.__class__ is tuple:
            for part in key:
                if part.__class__ is Variable:
                    if part.paths is None:
                        part.paths = set()
                    part.paths.add(key)
        if len(self.facts) < _MOST_FACTS:
            self.facts[key] = type_

    def learn(self, facts: Facts) -> None:
        """Note facts that a test has proved."""
        for key, type_ in facts.items():
            self.know(key, type_)

    def forget(self, variable: Variable) -> None:
        """Drop what is known of a variable that is assigned."""
        self.facts.pop(variable, None)
        if variable.paths:
            for key in variable.paths:
                self.facts.pop(key, None)
        link = self.links.pop(variable, None)
        if link is not None:
            other = link.error if link.value is variable else link.value
            if other is not None:
                self.links.pop(other, None)

    def forget_path(self, key: tuple[Any, ...]) -> None:
        """Drop what is known of a path that is assigned, and of all below it."""
        root = key[0]
        size = len(key)
        if root.paths:
            for each in root.paths:
                if each[:size] == key:
                    self.facts.pop(each, None)

    def loosen(self, variable: Variable) -> None:
        """Forget a variable that is assigned somewhere on the way back to here."""
        self.forget(variable)
        if variable.declared is None:
            self.facts[variable] = self.survey.steady(variable.symbol)

    def loosen_span(self, start: int, end: int) -> None:
        """Forget all variables and fields that a span of the source assigns."""
        writes = self.survey.writes
        places = self.survey.write_places
        for at in range(bisect_left(places, start), bisect_right(places, end)):
            symbol = writes[at]
            if symbol.start < start:
                self.loosen(self.variable(symbol))
        fields = self.survey.field_writes
        places = self.survey.field_places
        for at in range(bisect_left(places, start), bisect_right(places, end)):
            variable = self.variables.get(fields[at])
            if variable is not None and variable.paths:
                for key in variable.paths:
                    self.facts.pop(key, None)

    def merge(self, states: list[State]) -> None:
        """Go on where several ways meet."""
        living = [state for state in states if not state.dead]
        if not living:
            first = states[0] if states else State({}, {}, True)
            self.facts, self.links, self.dead = dict(first.facts), {}, True
            return
        self.dead = False
        if len(living) == 1:
            self.facts, self.links = dict(living[0].facts), dict(living[0].links)
            return
        first = living[0]
        others = living[1:]
        facts: Facts = {}
        keys: dict[Any, None] = {}
        for state in living:
            keys.update(dict.fromkeys(state.facts))
        for key in keys:
            is_path = key.__class__ is tuple
            types: list[Type] = []
            for state in living:
                each = state.facts.get(key)
                if each is None:
                    if is_path or key.declared is not None:
                        break
                    each = key.type
                types.append(each)
            else:
                one = types[0]
                if all(each is one for each in types):
                    facts[key] = one
                else:
                    joined = union(types)
                    if is_path and joined in NILS:
                        continue
                    if not is_path and key.declared is None and NIL in types:
                        joined = self.soft(joined, SOFT_NIL)
                    facts[key] = joined
        self.facts = facts
        self.links = {
            key: link
            for key, link in first.links.items()
            if all(state.links.get(key) is link for state in others)
        }

    def soft(self, type_: Type, nil: Type = STANDARD_NIL) -> Type:
        """Make nil in a type one that is reported only where that is sure."""
        if type_ in NILS:
            return nil
        from_alias = expand(type_)
        parts = getattr(from_alias, "members", None)
        if parts is not None and any(each in NILS for each in parts):
            return union(nil if each in NILS else each for each in parts)
        return type_

    # What later chapters give

    def value(self, node: lua.Expression, expected: Type | None = None) -> Type:
        """Return the type of an expression, cut to one value."""
        raise NotImplementedError

    def results(self, node: lua.Expression) -> Results:
        """Return all that a call or ``...`` gives."""
        raise NotImplementedError

    def accept(self, node: lua.Expression, wanted: Type) -> tuple[Type, str | None]:
        """Evaluate an expression that a type waits for.

        Returns:
          Its type, and why it does not fit: None if it does.
        """
        raise NotImplementedError

    def function(
        self,
        node: lua.Function,
        expected: Type | None = None,
        receiver: Type | None = None,
    ) -> Type:
        """Check a function and return its type."""
        raise NotImplementedError

    def condition(self, node: lua.Expression) -> tuple[Facts, Facts]:
        """Evaluate a test: what it proves if it holds and if it fails."""
        raise NotImplementedError

    def block(self, block: lua.Block) -> None:
        """Check the statements of a block."""
        raise NotImplementedError
