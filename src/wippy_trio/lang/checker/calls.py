"""The chapter of calls: callees, arguments, results (types 3.5.3, 3.5.4)."""

from __future__ import annotations

from typing import Any

from wippy_trio.lang import syntax as lua
from wippy_trio.lang.checker.base import Results, Variable
from wippy_trio.lang.checker.conditions import NOT_NIL, TRUTHY
from wippy_trio.lang.checker.generics import Candidates
from wippy_trio.lang.checker.literals import Literals
from wippy_trio.lang.narrow import meet, truthy, without_nil
from wippy_trio.lang.substitute import substitute
from wippy_trio.lang.types import (
    ANY,
    BOOLEAN,
    DYNAMIC,
    ERROR,
    INTEGER,
    NEVER,
    NIL,
    NILS,
    NUMBER,
    SOFT_NIL,
    STRING,
    TRUE,
    UNKNOWN,
    UNTYPED,
    Array,
    Effect,
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
    members,
    union,
)
from wippy_trio.lang.typetext import show

__all__ = ["ANYTHING", "Calls"]

ANYTHING = Results((), DYNAMIC)
"""What an unknown callee gives."""


class Calls(Literals):
    """Calls of functions, methods and types."""

    __slots__ = ()

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

    def call(self, node: lua.Call, expected: Type | None = None) -> Results:
        """Check a call."""
        callee = self.value(node.function)
        return self.apply(callee, node, node.function, node.arguments, None, expected)

    def method_call(
        self, node: lua.MethodCall, expected: Type | None = None
    ) -> Results:
        """Check ``base:name(...)``."""
        base = self.value(node.base)
        if base in UNTYPED:
            self.spend(node.arguments)
            return ANYTHING
        receiver = base
        parts = members(base)
        hard = [each for each in parts if each in NILS and each is not SOFT_NIL]
        if hard and base is not NIL and not isinstance(expand(base), Unresolved):
            message = "cannot call method on optional value without nil check"
            self.error("E0021", message, node.base)
            self.spend(node.arguments)
            return ANYTHING
        if len(parts) > 1:
            receiver = without_nil(base)
        if receiver in NILS or receiver is NEVER:
            if receiver is NIL:
                message = "cannot call method on optional value without nil check"
                self.error("E0021", message, node.base)
            self.spend(node.arguments)
            return ANYTHING
        method = self.method(receiver, node)
        if method is None:
            self.spend(node.arguments)
            return ANYTHING
        return self.apply(method, node, node.base, node.arguments, receiver, expected)

    def method(self, receiver: Type, node: lua.MethodCall) -> Type | None:
        """Return the type of a method; None, with a report, where there is none."""
        shape = expand(receiver)
        found = self.lookup(receiver, node.name)
        if self.facts and found is not None:
            key = self.path(node.base)
            if key is not None:
                whole = (
                    (*key, node.name) if isinstance(key, tuple) else (key, node.name)
                )
                found = self.facts.get(whole, found)
        if found is not None:
            return found
        if isinstance(shape, Table):
            return DYNAMIC
        if isinstance(shape, Record) and self.metamethods:
            return DYNAMIC
        message = f"no method {node.name}"
        if isinstance(shape, Union):
            lacking: list[Type] = []
            having: list[Type] = []
            for each in shape.members:
                if isinstance(expand(each), Table):
                    return DYNAMIC
                known = self.lookup(each, node.name)
                (lacking if known is None else having).append(each)
            if having:
                message += f" (exists on {show(union(having))}"
                message += f", missing on {show(union(lacking))})"
            else:
                message += f" on {show(receiver, literals=False)}"
        else:
            message += f" on {show(receiver, literals=False)}"
        self.error("E0022", message, node.base)
        return None

    def spend(self, arguments: list[lua.Expression]) -> list[Type]:
        """Evaluate arguments that nothing waits for."""
        types: list[Type] = []
        for node in arguments:
            if node.__class__ is lua.Call or node.__class__ is lua.MethodCall:
                types.append(self.results(node).first)
            else:
                types.append(self.value(node))
        return types

    # Callees

    def apply(
        self,
        callee: Type,
        node: lua.Call | lua.MethodCall,
        place: lua.Expression,
        arguments: list[lua.Expression],
        receiver: Type | None,
        expected: Type | None = None,
    ) -> Results:
        """Call a value of some type."""
        if callee.__class__ is Function:
            return self.call_function(
                callee,
                node,
                place,
                arguments,
                receiver,
                expected,
            )
        if callee in UNTYPED:
            self.spend(arguments)
            return ANYTHING
        shape = expand(callee)
        if isinstance(shape, Function):
            return self.call_function(shape, node, place, arguments, receiver, expected)
        if isinstance(shape, Intersection):
            return self._overloads(shape, node, place, arguments, receiver)
        if isinstance(shape, TypeValue):
            return self._call_type(shape, arguments)
        if isinstance(shape, Union):
            return self._call_union(shape, node, place, arguments, receiver, expected)
        if isinstance(shape, Table):
            return self._call_table(shape, node, place, arguments, expected)
        self.spend(arguments)
        if self._uncallable(shape):
            message = f"expected function, got {show(callee, literals=False)}"
            self.error("E0002", message, place)
        return ANYTHING

    def _uncallable(self, shape: Type) -> bool:
        if isinstance(shape, Literal):
            return True
        if shape in (NUMBER, INTEGER, STRING, BOOLEAN, NIL):
            return True
        if isinstance(shape, Record):
            return not self.metamethods
        return isinstance(shape, (Array, Map, List))

    def _call_table(
        self,
        shape: Table,
        node: lua.Call | lua.MethodCall,
        place: lua.Expression,
        arguments: list[lua.Expression],
        expected: Type | None,
    ) -> Results:
        found = shape.meta.fields.get("__call") if shape.meta is not None else None
        if isinstance(found, Function):
            return self.call_function(found, node, place, arguments, shape, expected)
        self.spend(arguments)
        return ANYTHING

    def _call_union(
        self,
        shape: Union,
        node: lua.Call | lua.MethodCall,
        place: lua.Expression,
        arguments: list[lua.Expression],
        receiver: Type | None,
        expected: Type | None,
    ) -> Results:
        rest = without_nil(shape)
        if any(each is NIL for each in shape.members):
            message = "cannot call optional value without nil check"
            self.error("E0021", message, place)
            self.spend(arguments)
            return ANYTHING
        if isinstance(expand(rest), (Function, TypeValue, Intersection)):
            return self.apply(rest, node, place, arguments, receiver, expected)
        self.spend(arguments)
        parts = [expand(each) for each in members(rest)]
        if parts and all(map(self._uncallable, parts)):
            message = f"expected function, got {show(shape, literals=False)}"
            self.error("E0002", message, place)
        return ANYTHING

    def _overloads(
        self,
        shape: Intersection,
        node: lua.Call | lua.MethodCall,
        place: lua.Expression,
        arguments: list[lua.Expression],
        receiver: Type | None,
    ) -> Results:
        functions = [expand(each) for each in shape.members]
        last: Results = ANYTHING
        for each in functions:
            if not isinstance(each, Function):
                continue
            mark = len(self.found)
            said = set(self.said)
            last = self.call_function(each, node, place, arguments, receiver)
            if len(self.found) == mark:
                return last
            if each is not functions[-1]:
                del self.found[mark:]
                self.said = said
        return last

    def _call_type(self, shape: TypeValue, arguments: list[lua.Expression]) -> Results:
        types = self.spend(arguments)
        if not arguments:
            return Results((shape.type,), None)
        if any(isinstance(each, TypeValue) for each in types):
            return Results((), DYNAMIC)
        key = self.path(arguments[0])
        if key is not None:
            self.know(key, shape.type)
        return Results((shape.type,), None)

    # Functions

    def call_function(
        self,
        function: Function,
        node: lua.Call | lua.MethodCall,
        place: lua.Expression,
        arguments: list[lua.Expression],
        receiver: Type | None,
        expected: Type | None = None,
    ) -> Results:
        """Check a call of a function and return what it gives."""
        if function.special:
            found = self.special(function, node, arguments, receiver, expected)
            if found is not None:
                return found
        offset = 0
        if receiver is not None and self._takes_receiver(function, receiver, arguments):
            offset = 1
        if function.untyped:
            types = self.spend(arguments)
        else:
            types, function = self._arguments(
                function, node, place, arguments, offset, receiver, expected
            )
        if receiver is not None and offset:
            types = [receiver, *types]
        if function.effects:
            self._effects(function, node, arguments, types, offset)
        if function.results == (NEVER,):
            self.dead = True
            return Results((NEVER,), None)
        results = function.results
        if ANY in results:
            # What is read out of an ``any`` passes everywhere; only a variable of that
            # type is held to it (types 3.2, 6.3).
            results = tuple([DYNAMIC if each is ANY else each for each in results])
        return Results(
            results,
            function.rest,
            function.linked,
            function.standard,
            function.special == "find",
        )

    def _takes_receiver(
        self, function: Function, receiver: Type, arguments: list[lua.Expression]
    ) -> bool:
        if not function.parameters:
            return function.variadic is not None or function.untyped
        first = function.parameters[0]
        if first.name == "self" or first.type in UNTYPED:
            return True
        if self.fits(receiver, first.type):
            return True
        return len(arguments) >= len(function.parameters)

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
            if wanted is not None and generic is not None:
                generic.propose(wanted, each)
            elif wanted is not None and not self.fits(each, wanted):
                if len(types) == at or each not in NILS:
                    self._mismatch(function, node, len(types), wanted, each)
            elif wanted is None:
                break  # what is not asked for is dropped
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

    # Type arguments

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

    # What a return proves

    def _effects(
        self,
        function: Function,
        node: lua.Call | lua.MethodCall,
        arguments: list[lua.Expression],
        types: list[Type],
        offset: int,
    ) -> None:
        for effect in function.effects:
            at = effect.position - offset
            if at < 0 and isinstance(node, lua.MethodCall):
                self._prove(effect, node.base, types)
            elif 0 <= at < len(arguments):
                argument = arguments[at]
                if effect.kind == "truthy":
                    self.learn(self.quiet_condition(argument)[0])
                self._prove(effect, argument, types)

    def quiet_condition(self, node: lua.Expression) -> tuple[Any, Any]:
        """Evaluate a test once more, without a word."""
        self.silent += 1
        try:
            return self.condition(node)
        finally:
            self.silent -= 1

    def _prove(
        self, effect: Effect, argument: lua.Expression, types: list[Type]
    ) -> None:
        key = self.path(argument)
        if key is None:
            return
        known = self.current(key)
        if known is None:
            return
        kept: Type | None = None
        if effect.kind == "truthy":
            kept = truthy(known)
        elif effect.kind == "not nil":
            kept = without_nil(known)
        elif effect.kind == "type" and effect.type is not None:
            kept = effect.type
            if known not in UNTYPED:
                kept = meet(known, effect.type, self.relation)
        elif effect.kind == "same" and effect.other < len(types):
            kept = meet(known, types[effect.other], self.relation)
        if kept is not None and kept is not NEVER and kept is not known:
            self.know(key, kept)
        if isinstance(key, Variable):
            link = self.links.get(key)
            if link is not None and effect.kind in ("truthy", "not nil"):
                facts: dict[Any, Type] = {}
                self._follow(link, key, facts, held=True)
                self.learn(facts)
            if key.parameter >= 0 and effect.kind in ("truthy", "not nil"):
                mark = TRUTHY if effect.kind == "truthy" else NOT_NIL
                self.know((key, mark), TRUE)

    def special(
        self,
        function: Function,
        node: lua.Call | lua.MethodCall,
        arguments: list[lua.Expression],
        receiver: Type | None,
        expected: Type | None,
    ) -> Results | None:
        """Check a call of a function known by name; None if it is an ordinary one."""
        raise NotImplementedError


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
