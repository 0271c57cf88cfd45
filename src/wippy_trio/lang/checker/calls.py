"""The chapter of calls: callees, methods, results (types 3.5.3, 3.5.4)."""

from __future__ import annotations

from typing import Any

from wippy_trio.lang import syntax as lua
from wippy_trio.lang.checker.arguments import Arguments
from wippy_trio.lang.checker.base import Results, Variable
from wippy_trio.lang.checker.conditions import NOT_NIL, TRUTHY
from wippy_trio.lang.narrow import meet, truthy, without_nil
from wippy_trio.lang.types import (
    ANY,
    BOOLEAN,
    DYNAMIC,
    INTEGER,
    NEVER,
    NIL,
    NILS,
    NUMBER,
    SOFT_NIL,
    STRING,
    TRUE,
    UNTYPED,
    Array,
    Effect,
    Function,
    Intersection,
    List,
    Literal,
    Map,
    Record,
    Table,
    Type,
    TypeValue,
    Union,
    Unresolved,
    expand,
    members,
    union,
)
from wippy_trio.lang.typetext import show

__all__ = ["ANYTHING", "Calls"]

ANYTHING = Results((), DYNAMIC)
"""What an unknown callee gives."""


class Calls(Arguments):
    """Calls of functions, methods and types."""

    __slots__ = ()

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

    # Type arguments

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
