"""The chapter of functions that do more than their signatures say (types 3.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wippy_trio.lang import syntax as lua
from wippy_trio.lang.checker.base import Results
from wippy_trio.lang.checker.calls import ANYTHING, Calls
from wippy_trio.lang.narrow import truthy, without_nil
from wippy_trio.lang.strings import string_value
from wippy_trio.lang.types import (
    BOOLEAN,
    DYNAMIC,
    FALSE,
    INTEGER,
    NIL,
    TRUE,
    UNTYPED,
    Alias,
    Array,
    Function,
    List,
    Map,
    Parameter,
    Table,
    Type,
    expand,
    optional,
    put,
    union,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Specials"]


class Specials(Calls):
    """``assert``, ``setmetatable``, ``require``, ``table.insert`` and their like."""

    __slots__ = ()

    def special(
        self,
        function: Function,
        node: lua.Call | lua.MethodCall,
        arguments: list[lua.Expression],
        receiver: Type | None,
        expected: Type | None,
    ) -> Results | None:
        """Check a call of a function known by name; None if it is an ordinary one."""
        handler = _HANDLERS.get(function.special)
        if handler is None:
            return None
        return handler(self, function, node, arguments, receiver)

    def _assert(
        self, function: Any, node: Any, arguments: list[lua.Expression], receiver: Any
    ) -> Results:
        if not arguments:
            return ANYTHING
        first = arguments[0]
        if len(arguments) == 1 and isinstance(first, (lua.Call, lua.MethodCall)):
            target, about = self._is_call(first)
            given = self.results(first)
            if target is not None and about:
                key = self.path(about[0])
                if key is not None:
                    self.know(key, target)
            if not given.types:
                return given
            types = (truthy(given.types[0]), *given.types[1:])
            return Results(types, given.rest)
        type_, yes, _ = self._condition(first)
        rest = self.spend(arguments[1:])
        if type_ is FALSE or (type_ is NIL and isinstance(first, lua.Constant)):
            self.dead = True
        self.learn(yes)
        return Results((truthy(type_), *rest), None)

    def _setmetatable(
        self, function: Any, node: Any, arguments: list[lua.Expression], receiver: Any
    ) -> Results:
        types = self.spend(arguments)
        if not types:
            return ANYTHING
        base = types[0]
        if isinstance(base, List):
            base = self.loose_list(base)
        if not isinstance(base, Table) or base.sealed:
            return Results((base,), None)
        base.open = True
        meta = types[1] if len(types) > 1 else DYNAMIC
        if isinstance(meta, Table):
            base.meta = meta
            index = meta.fields.get("__index")
            base.index = index if isinstance(index, Table) else DYNAMIC
        else:
            base.meta = Table({})
            base.index = DYNAMIC
        return Results((base,), None)

    def _require(
        self, function: Any, node: Any, arguments: list[lua.Expression], receiver: Any
    ) -> Results:
        self.spend(arguments)
        if len(arguments) != 1 or "require" in self.survey.replaced:
            return ANYTHING
        name = arguments[0]
        while isinstance(name, lua.Paren):
            name = name.inner
        if not isinstance(name, lua.Constant) or name.kind != "string":
            return ANYTHING
        return Results((self.module_type(_text(name)),), None)

    def module_type(self, name: str) -> Type:
        """Return what ``require`` gives for a name."""
        raise NotImplementedError

    def _select(
        self, function: Any, node: Any, arguments: list[lua.Expression], receiver: Any
    ) -> Results:
        self.spend(arguments)
        first = arguments[0] if arguments else None
        if isinstance(first, lua.Constant) and first.kind == "string":
            return Results((INTEGER,), None)
        return ANYTHING

    def _open(
        self, function: Any, node: Any, arguments: list[lua.Expression], receiver: Any
    ) -> Results:
        self.spend(arguments)
        return ANYTHING

    def _pcall(
        self, function: Any, node: Any, arguments: list[lua.Expression], receiver: Any
    ) -> Results:
        dead = self.dead
        self.spend(arguments)
        self.dead = dead
        return Results((BOOLEAN,), DYNAMIC)

    def _insert(
        self, function: Any, node: Any, arguments: list[lua.Expression], receiver: Any
    ) -> Results:
        nothing = Results((), None)
        if len(arguments) < 2:
            self.spend(arguments)
            last = arguments[-1] if arguments else None
            if not isinstance(last, (lua.Call, lua.MethodCall, lua.Vararg)):
                got = len(arguments)
                message = f"not enough arguments: expected 2, got {got}"
                self.error("E0003", message, node.function)
            return nothing
        base = self.value(arguments[0])
        for each in arguments[1:-1]:
            self.value(each)
        value = arguments[-1]
        shape = expand(without_nil(base))
        if isinstance(shape, Array):
            if shape.readonly:
                self._readonly(base, arguments[0])
            self._inserted(value, shape.element, len(arguments) - 1)
        elif isinstance(shape, Map) and self.fits(INTEGER, shape.key):
            self._inserted(value, shape.value, len(arguments) - 1)
        else:
            type_ = self.spend([value])[0]
            if isinstance(shape, Table):
                put(shape, type_)
        return nothing

    def _readonly(self, base: Type, node: lua.Node) -> None:
        shown, _ = self.pair(base, base)
        message = f"cannot modify {shown}"
        self.report("E0008", "warning", message, node.start, node.end)

    def _inserted(self, node: lua.Expression, wanted: Type, at: int) -> None:
        type_, fault = self.accept(node, wanted)
        if fault is not None and not self.unresolved(expand(wanted)):
            shown, expected = self.pair(type_, wanted)
            message = f"argument {at + 1}: expected {expected}, got {shown}"
            if fault:
                message += f": {fault}"
            if type_ not in UNTYPED:
                self.error("E0000", message, node)

    def _remove(
        self, function: Any, node: Any, arguments: list[lua.Expression], receiver: Any
    ) -> Results:
        types = self.spend(arguments)
        shape = expand(without_nil(types[0])) if types else DYNAMIC
        if isinstance(shape, Array):
            return Results((optional(shape.element),), None, False, True)
        if isinstance(shape, Table) and shape.element is not None:
            return Results((shape.element,), None)
        return ANYTHING

    def _sort(
        self, function: Any, node: Any, arguments: list[lua.Expression], receiver: Any
    ) -> Results:
        base = self.value(arguments[0]) if arguments else DYNAMIC
        shape = expand(without_nil(base))
        element: Type | None = None
        if isinstance(shape, Array):
            element = without_nil(shape.element)
        elif isinstance(shape, Table):
            element = shape.element
        for each in arguments[1:]:
            if isinstance(each, lua.Function) and element is not None:
                pair = (Parameter("a", element), Parameter("b", element))
                self.function(each, Function(pair, (), rest=DYNAMIC))
            else:
                self.value(each)
        return Results((), None)

    def _same(
        self, function: Any, node: Any, arguments: list[lua.Expression], receiver: Any
    ) -> Results:
        types = self.spend(arguments)
        return Results((types[0] if types else DYNAMIC,), None)

    # Channels and processes (types 3.6.8)

    def _case_receive(
        self, function: Any, node: Any, arguments: list[lua.Expression], receiver: Any
    ) -> Results:
        self.spend(arguments)
        value: Type = DYNAMIC
        if isinstance(receiver, Alias) and receiver.arguments:
            value = receiver.arguments[0]
        made = Table({"value": value, "ok": BOOLEAN}, name="case")
        if isinstance(node, lua.MethodCall):
            key = self.path(node.base)
            made.owner = key
            made.fields["channel"] = self.current(key) or DYNAMIC if key else DYNAMIC
        return Results((made,), None)

    def _channel_select(
        self, function: Any, node: Any, arguments: list[lua.Expression], receiver: Any
    ) -> Results:
        if not arguments:
            return ANYTHING
        first = arguments[0]
        if not isinstance(first, lua.Table):
            self.spend(arguments)
            return ANYTHING
        cases: list[Type] = []
        sure = True
        for field in first.fields:
            type_ = self.spend([field.value])[0]
            if field.name is not None:
                if field.name == "default" and not self._is_false(field.value):
                    made = Table({"default": TRUE, "ok": BOOLEAN}, name="case")
                    cases.append(made)
                continue
            if isinstance(type_, Table) and type_.name == "case":
                cases.append(type_)
            else:
                sure = False
        self.spend(arguments[1:])
        if not sure or not cases:
            return ANYTHING
        return Results((union(cases),), None)

    @staticmethod
    def _is_false(node: lua.Expression) -> bool:
        return isinstance(node, lua.Constant) and node.kind in ("false", "nil")

    def _listen(
        self, function: Any, node: Any, arguments: list[lua.Expression], receiver: Any
    ) -> Results:
        self.spend(arguments)
        whole = False
        if len(arguments) > 1 and isinstance(arguments[1], lua.Table):
            for field in arguments[1].fields:
                if field.name == "message":
                    whole = not self._is_false(field.value)
        payload: Type = DYNAMIC
        if whole:
            payload = self.ambient_type("process", "Message")
        channel = self.channel_of(payload)
        return Results((channel, *function.results[1:]), function.rest, function.linked)

    def ambient_type(self, module: str, name: str) -> Type:
        """Return a type of a module that is always there."""
        raise NotImplementedError

    def channel_of(self, value: Type) -> Type:
        """Return the type of a channel."""
        raise NotImplementedError


def _text(node: lua.Constant) -> str:
    return string_value(node.text).decode("latin-1")


_HANDLERS: Final[dict[str, Callable[..., Results | None]]] = {
    "assert": Specials._assert,
    "setmetatable": Specials._setmetatable,
    "require": Specials._require,
    "select": Specials._select,
    "unpack": Specials._open,
    "pcall": Specials._pcall,
    "insert": Specials._insert,
    "remove": Specials._remove,
    "sort": Specials._sort,
    "same": Specials._same,
    "case_receive": Specials._case_receive,
    "channel_select": Specials._channel_select,
    "listen": Specials._listen,
}
