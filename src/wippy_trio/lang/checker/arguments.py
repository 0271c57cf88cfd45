"""The chapter of arguments: what a call is given (types 3.5.3, 3.5.4)."""

from __future__ import annotations

from wippy_trio.lang import syntax as lua
from wippy_trio.lang.checker.base import Results
from wippy_trio.lang.checker.generics import Candidates
from wippy_trio.lang.checker.literals import Literals
from wippy_trio.lang.narrow import without_nil
from wippy_trio.lang.substitute import substitute
from wippy_trio.lang.types import (
    DYNAMIC,
    ERROR,
    INTEGER,
    NEVER,
    NIL,
    NILS,
    NUMBER,
    STRING,
    UNKNOWN,
    UNTYPED,
    Function,
    Interface,
    Literal,
    Table,
    Type,
    TypeVariable,
    Union,
    Unresolved,
    admits_nil,
    expand,
    members,
)

__all__ = ["Arguments", "advice"]


class Arguments(Literals):
    """Arguments against parameters, one by one."""

    __slots__ = ()

    def call(self, node: lua.Call, expected: Type | None = None) -> Results:
        """Check a call."""
        raise NotImplementedError

    def method_call(
        self, node: lua.MethodCall, expected: Type | None = None
    ) -> Results:
        """Check ``base:name(...)``."""
        raise NotImplementedError

    def results(self, node: lua.Expression) -> Results:
        """Return all that a call or ``...`` gives."""
        if node.__class__ is lua.Call:
            found = self.call(node)
        elif node.__class__ is lua.MethodCall:
            found = self.method_call(node)
        else:
            return Results((), self.vararg())
        self.keep(node, found.first)
        return found

    def vararg(self) -> Type:
        """Return the type of the extra arguments of the function at hand."""
        raise NotImplementedError

    def spend(self, arguments: list[lua.Expression]) -> list[Type]:
        """Evaluate arguments that nothing waits for."""
        types: list[Type] = []
        for node in arguments:
            if node.__class__ is lua.Call or node.__class__ is lua.MethodCall:
                types.append(self.results(node).first)
            else:
                types.append(self.value(node))
        return types

    def _arguments(
        self,
        function: Function,
        node: lua.Call | lua.MethodCall,
        place: lua.Expression,
        arguments: list[lua.Expression],
        offset: int,
        receiver: Type | None,
        expected: Type | None,
    ) -> tuple[list[Type], Function]:
        """Check arguments; return their types and the function without generics."""
        generic: Candidates | None = None
        if function.generics:
            generic = Candidates(function.generics)
            if offset and receiver is not None:
                generic.propose(function.parameters[0].type, receiver)
        types: list[Type] = []
        count = len(arguments)
        open_ = False
        later: list[int] = []
        for at, argument in enumerate(arguments):
            wanted = self._wanted(function, at + offset)
            last = at == count - 1
            if last and isinstance(argument, (lua.Call, lua.MethodCall, lua.Vararg)):
                open_ = self._spread(function, argument, types, offset, generic)
                break
            if wanted is None or wanted is DYNAMIC:
                types.append(self.value(argument))
                continue
            if generic is not None:
                if isinstance(argument, lua.Function):
                    later.append(at)
                    types.append(DYNAMIC)
                    continue
                type_ = self.value(argument)
                generic.propose(wanted, type_)
                types.append(type_)
                continue
            types.append(self._argument(function, argument, at, wanted))
        if generic is not None:
            function = self._fill(
                function, generic, node, arguments, offset, types, later, expected
            )
        self._count(function, place, len(types) + offset, offset, open_)
        return types, function

    @staticmethod
    def _wanted(function: Function, place: int) -> Type | None:
        if place < len(function.parameters):
            return function.parameters[place].type
        return function.variadic

    def _argument(
        self, function: Function, node: lua.Expression, at: int, wanted: Type
    ) -> Type:
        type_, fault = self.accept(node, wanted)
        if fault is not None:
            self._mismatch(function, node, at, wanted, type_, fault)
        return type_

    def _mismatch(
        self,
        function: Function,
        node: lua.Node,
        at: int,
        wanted: Type,
        type_: Type,
        fault: str = "",
    ) -> None:
        if self.unresolved(expand(wanted)) or self._excused(function, type_, wanted):
            return
        if isinstance(expand(type_), Unresolved) or type_ is UNKNOWN:
            return
        place = at if at < len(function.parameters) else -1
        if place >= 0 and function.parameters[place].optional:
            rest = without_nil(type_)
            if rest is NEVER or self.fits(rest, wanted):
                return
        shown, expected = self.pair(type_, wanted)
        message = f"argument {at + 1}: expected {expected}, got {shown}"
        if fault:
            message += f": {fault}"
        self.error("E0000", message, node, advice(type_, wanted))

    def _excused(self, function: Function, type_: Type, wanted: Type) -> bool:
        """Tell whether a library takes what its signature does not say."""
        if not function.standard:
            return False
        parts = [expand(each) for each in members(type_) if each not in NILS]
        if not parts:
            return type_ is not NIL
        # The standard library turns numbers and errors into text, a host does not.
        takes_text = function.special != "host" and self.fits(STRING, wanted)
        for each in parts:
            if each in UNTYPED or self.fits(each, wanted):
                continue
            shape = each.base if isinstance(each, Literal) else each
            if takes_text and shape in (NUMBER, INTEGER, ERROR):
                continue
            if shape is NUMBER and self.fits(INTEGER, wanted):
                continue
            if isinstance(shape, (Table, Interface)):
                continue
            return False
        return True

    def _spread(
        self,
        function: Function,
        node: lua.Expression,
        types: list[Type],
        offset: int,
        generic: Candidates | None,
    ) -> bool:
        """Check a last argument that may give several; tell whether it is open."""
        at = len(types)
        if node.__class__ is lua.Vararg:
            given = self.results(node)
        else:
            wanted = self._wanted(function, at + offset)
            given = self.call_results(node, None if generic is not None else wanted)
        for each in given.types or ():
            wanted = self._wanted(function, len(types) + offset)
            if wanted is None:
                break  # what is not asked for is dropped
            if generic is not None:
                generic.propose(wanted, each)
            elif given.linked and len(types) == at + 1:
                pass  # ``f(g())`` with the error of ``g`` behind its value: an idiom
            elif not self.fits(each, wanted) and (len(types) == at or each not in NILS):
                self._mismatch(function, node, len(types), wanted, each)
            types.append(each)
        if given.rest is None and not given.types:
            return True
        if given.rest is not None and not given.types:
            wanted = self._wanted(function, len(types) + offset)
            asked = wanted is not None and generic is None
            if asked and wanted is not None and not self.fits(given.rest, wanted):
                self._mismatch(function, node, len(types), wanted, given.rest)
        return given.rest is not None

    def call_results(
        self, node: lua.Expression, expected: Type | None = None
    ) -> Results:
        """Return all that a call gives, with a type that waits for the first."""
        if node.__class__ is lua.Call:
            found = self.call(node, expected)
        else:
            found = self.method_call(node, expected)  # type: ignore[arg-type]
        self.keep(node, found.first)
        return found

    def _count(
        self,
        function: Function,
        place: lua.Expression,
        given: int,
        offset: int,
        open_: bool,
    ) -> None:
        parameters = function.parameters
        if function.special == "host":
            return
        if given < len(parameters) and not open_:
            for at in range(len(parameters) - 1, given - 1, -1):
                each = parameters[at]
                if not each.optional and not admits_nil(each.type):
                    wanted = at + 1 - offset
                    message = f"not enough arguments: expected {wanted}"
                    self.error("E0003", f"{message}, got {given - offset}", place)
                    return
        if given > len(parameters) and function.variadic is None:
            if function.standard:
                return
            wanted = len(parameters) - offset
            message = f"too many arguments: expected {wanted}, got {given - offset}"
            self.error("E0003", message, place)

    def _fill(
        self,
        function: Function,
        generic: Candidates,
        node: lua.Call | lua.MethodCall,
        arguments: list[lua.Expression],
        offset: int,
        types: list[Type],
        later: list[int],
        expected: Type | None,
    ) -> Function:
        for at in later:
            wanted = self._wanted(function, at + offset)
            assert wanted is not None
            known = self._chosen(function, generic, DYNAMIC)
            literal = arguments[at]
            assert isinstance(literal, lua.Function)
            type_ = self.function(literal, substitute(wanted, known))
            generic.propose(wanted, type_)
            types[at] = type_
        if expected is not None and function.results:
            missing = [e for e in function.generics if generic.chosen(e) is None]
            if missing:
                hint = Candidates(missing)
                hint.propose(function.results[0], without_nil(expected))
                for each in missing:
                    found = hint.chosen(each)
                    if found is not None:
                        generic.propose(each, found)
        chosen = self._chosen(function, generic, DYNAMIC)
        for variable in function.generics:
            bound = variable.constraint
            if bound is None or self.fits(chosen[variable], bound):
                continue
            for at, type_ in enumerate(types):
                if (
                    at < len(arguments)
                    and self._wanted(function, at + offset) is variable
                ):
                    self._mismatch(function, arguments[at], at, bound, type_)
                    break
            else:
                self._mismatch(function, node, 0, bound, chosen[variable])
            chosen[variable] = DYNAMIC
        filled = substitute(function, chosen)
        if not isinstance(filled, Function):
            return function
        filled = Function(
            filled.parameters,
            filled.results,
            variadic=filled.variadic,
            rest=filled.rest,
            effects=filled.effects,
            special=filled.special,
            linked=filled.linked,
            standard=filled.standard,
        )
        for at, type_ in enumerate(types):
            if at >= len(arguments) or at in later:
                continue
            wanted = self._wanted(filled, at + offset)
            if wanted is not None and not self.fits(type_, wanted):
                self._mismatch(filled, arguments[at], at, wanted, type_)
        return filled

    @staticmethod
    def _chosen(
        function: Function, generic: Candidates, missing: Type
    ) -> dict[TypeVariable, Type]:
        chosen: dict[TypeVariable, Type] = {}
        for variable in function.generics:
            found = generic.chosen(variable)
            if found is None:
                found = variable.constraint or missing
            chosen[variable] = found
        return chosen


def advice(type_: Type, wanted: Type) -> str | None:
    """Return the help that a mismatch deserves (types 3.8)."""
    mine, theirs = expand(type_), expand(wanted)
    if mine in UNTYPED:
        return "validate with T(value) or T:is(value), or cast with `as`"
    if isinstance(mine, Literal):
        mine = mine.base
    if mine is STRING and theirs in (NUMBER, INTEGER):
        return "use tonumber() and check the result"
    if mine in (NUMBER, INTEGER) and theirs is STRING:
        return "use tostring()"
    absent = isinstance(mine, Union) and any(each in NILS for each in mine.members)
    if absent and not admits_nil(theirs):
        return "check for nil first, or use `or` with a default"
    return None
