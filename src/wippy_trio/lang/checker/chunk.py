"""The whole source: names, values of expressions, what a module exports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from wippy_trio.lang import syntax as lua
from wippy_trio.lang.checker.calls import ANYTHING
from wippy_trio.lang.checker.functions import Context
from wippy_trio.lang.checker.statements import Statements
from wippy_trio.lang.checker.survey import Survey
from wippy_trio.lang.narrow import without_nil
from wippy_trio.lang.requires import find_requires
from wippy_trio.lang.resolve import BUILT_IN
from wippy_trio.lang.strings import string_value
from wippy_trio.lang.types import (
    BOOLEAN,
    DYNAMIC,
    FALSE,
    INTEGER,
    NEVER,
    NIL,
    NUMBER,
    STRING,
    TRUE,
    UNKNOWN,
    Declaration,
    List,
    Type,
    TypeValue,
    Unresolved,
    expand,
    literal,
    widen,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from wippy_trio.lang.bind import Bindings
    from wippy_trio.lang.checker.base import Results
    from wippy_trio.lang.declarations import Library, Module
    from wippy_trio.lang.parser import Chunk

__all__ = ["Checker"]

_DEEPEST: Final = 190
_PRIMITIVES: Final = {
    **{name: BUILT_IN[name] for name in ("number", "integer", "boolean", "any")},
    **{name: BUILT_IN[name] for name in ("unknown", "never", "int", "bool")},
    "Number": NUMBER,
    "Integer": INTEGER,
    "String": STRING,
    "Boolean": BOOLEAN,
    "Any": BUILT_IN["any"],
    "Unknown": UNKNOWN,
    "Never": NEVER,
}
_CALLABLE_LIBRARIES: Final = {"string": STRING, "table": BUILT_IN["table"]}


class Checker(Statements):
    """The checker of one chunk.

    Args:
      chunk: The parsed source.
      bindings: Its variables.
      library: What every chunk knows.
      modules: Finds the module of a name; None if nothing is known of it.
      imports: The aliases of imported libraries.
      keep: Whether the type of each node is wanted afterwards.
    """

    __slots__ = (
        "_imports",
        "_library",
        "_modules",
        "_requires",
        "exported",
        "required",
    )

    def __init__(
        self,
        chunk: Chunk,
        bindings: Bindings,
        library: Library,
        modules: Callable[[str], Module | None],
        imports: Container[str],
        *,
        keep: bool,
    ) -> None:
        super().__init__(chunk, bindings, Survey(chunk, bindings), keep=keep)
        self._library = library
        self._modules = modules
        self._imports = imports
        self._requires: list[str] | None = None
        self.required: dict[str, str] = {}
        self.string_library = library.strings
        self.error_methods = library.error_methods
        self.type_methods = library.type_methods
        self.metamethods = any(
            word.startswith("__") for word in chunk.tokens.words
        ) or _mentions_metamethods(chunk)
        self.testing = 0
        self.labels = None
        self.last_both = self.last_linked = False
        self.signatures = {}
        self.selves = {
            symbol.node: symbol
            for symbol in bindings.symbols
            if symbol.name == "self" and isinstance(symbol.node, lua.Function)
            if symbol.kind == "parameter" and symbol.start == symbol.node.start
        }
        self.context = Context(chunk.main, DYNAMIC)
        self.exported: Type = DYNAMIC

    def run(self) -> None:
        """Check the chunk."""
        self.resolver.declare_top(self.chunk.notes.aliases)
        for node in self.chunk.main.body.statements:
            self.statement(node)
        returns = self.context.returns
        if len(returns) == 1:
            self.exported = returns[0].first
        elif returns:
            self.exported = DYNAMIC
        self._unresolved()

    def undefined(self) -> None:
        """Report names that nothing defines (E0001); nobody asks unless told to."""
        self.dead = False
        if self.survey.wild:
            return
        names = {"_G", "_ENV", *self.survey.replaced, *_PRIMITIVES}
        names.update(self.resolver.forward)
        names.update(node.name for node in self.chunk.notes.aliases)
        for use in self.bindings.globals:
            name = use.name
            if use.written or name in names or name in self._library.globals:
                continue
            if self._modules(name) is None:
                message = f"undefined variable '{name}'"
                self.error("E0001", message, use.node)

    def _unresolved(self) -> None:
        """Warn of names that no value has met."""
        self.dead = False
        for each in self.resolver.unresolved:
            if each.reported:
                continue
            each.reported = True
            if each.circular:
                message = f"circular type reference '{each.name}'"
                self.report("E0013", "warning", message, each.start, each.end)
            else:
                message = f"unknown type '{each.name}'"
                self.report("E0012", "warning", message, each.start, each.end)

    # Expressions

    def value(self, node: lua.Expression, expected: Type | None = None) -> Type:
        """Return the type of an expression, cut to one value."""
        self.depth += 1
        if self.depth > _DEEPEST:
            self.depth -= 1
            return DYNAMIC
        found = _VALUES[node.__class__](self, node, expected)
        self.depth -= 1
        if self.kept is not None:
            self.kept[node.start, node.end] = found
        return found

    def _constant(self, node: lua.Constant, expected: Type | None) -> Type:
        kind = node.kind
        if kind == "string":
            text = node.text
            if "\\" not in text and text[0] != "[":
                return literal(text[1:-1])
            return literal(string_value(text).decode("latin-1"))
        if kind == "number":
            text = node.text
            if text.isdigit() and len(text) < 19:
                return literal(int(text))
            if text[:2] in ("0x", "0X") and text.isalnum():
                return INTEGER
            return NUMBER
        if kind == "true":
            return TRUE
        return FALSE if kind == "false" else NIL

    def _name(self, node: lua.Name, expected: Type | None) -> Type:
        symbol = self.uses.get(node.start)
        if symbol is None:
            return self._global(node.name)
        variable = self.variables.get(symbol)
        if variable is None:
            return DYNAMIC
        if self.facts:
            known = self.facts.get(variable)
            if known is not None:
                return DYNAMIC if known is NEVER else known
        return variable.type

    def _global(self, name: str) -> Type:
        survey = self.survey
        if survey.wild:
            return DYNAMIC
        variable = self.globals.get(name)
        if name in self._imports:
            imported = self._modules(name)  # hides a built-in name (core MOD-2)
            return DYNAMIC if imported is None else imported.value
        if name in survey.replaced:
            if variable is None or name in survey.replaced_twice:
                return DYNAMIC
            return variable.type
        found = self.resolver.scopes[0].get(name) or self.resolver.forward.get(name)
        for scope in reversed(self.resolver.scopes):
            if name in scope:
                found = scope[name]
                break
        if isinstance(found, Declaration):
            if found.parameters:
                return DYNAMIC
            return TypeValue(found.apply())
        primitive = _PRIMITIVES.get(name)
        if primitive is not None:
            return TypeValue(primitive)
        known = self._library.globals.get(name)
        if known is not None:
            return known
        module = self._modules(name)
        if module is not None:
            return module.value
        if variable is not None and variable in self.facts:
            return self.facts[variable]
        return UNKNOWN

    def _field_value(self, node: lua.Field, expected: Type | None) -> Type:
        replaced = self.survey.replaced_fields
        if (
            replaced
            and isinstance(node.base, lua.Name)
            and f"{node.base.name}.{node.name}" in replaced
            and self.uses.get(node.base.start) is None
        ):
            return DYNAMIC
        return self.field(node)

    def _index_value(self, node: lua.Index, expected: Type | None) -> Type:
        return self.index(node)

    def _call_value(self, node: lua.Call, expected: Type | None) -> Type:
        return self.call(node, expected).first

    def call(self, node: lua.Call, expected: Type | None = None) -> Results:
        """Check a call; ``string(x)`` and ``table(x)`` are casts."""
        function = node.function
        if isinstance(function, lua.Name) and function.name in _CALLABLE_LIBRARIES:
            name = function.name
            if self.uses.get(function.start) is None and self._is_library(name):
                wanted = TypeValue(_CALLABLE_LIBRARIES[name])
                return self._call_type(wanted, node.arguments)
        return super().call(node, expected)

    def method_call(
        self, node: lua.MethodCall, expected: Type | None = None
    ) -> Results:
        """Check a method call; ``error:is(x)`` asks the type of that name."""
        base = node.base
        if (
            isinstance(base, lua.Name)
            and base.name == "error"
            and node.name in self.type_methods
            and self.uses.get(base.start) is None
        ):
            self.spend(node.arguments)
            return ANYTHING
        return super().method_call(node, expected)

    def _is_library(self, name: str) -> bool:
        return name not in self.survey.replaced and not self.survey.wild

    def _method_value(self, node: lua.MethodCall, expected: Type | None) -> Type:
        return self.method_call(node, expected).first

    def _vararg_value(self, node: lua.Vararg, expected: Type | None) -> Type:
        return self.context.vararg

    def _table_value(self, node: lua.Table, expected: Type | None) -> Type:
        if expected is None:
            return self.table(node)
        return self.accept(node, expected)[0]

    def _function_value(self, node: lua.Function, expected: Type | None) -> Type:
        return self.function(node, expected)

    def _binary_value(self, node: lua.Binary, expected: Type | None) -> Type:
        if node.operator in ("and", "or"):
            return self.logical(node, expected)[0]
        if node.operator in ("==", "~="):
            self.condition(node)
            return BOOLEAN
        return self.binary(node)

    def _unary_value(self, node: lua.Unary, expected: Type | None) -> Type:
        return self.unary(node)

    def _paren_value(self, node: lua.Paren, expected: Type | None) -> Type:
        return self.value(node.inner, expected)

    def _cast_value(self, node: lua.Cast, expected: Type | None) -> Type:
        self.value(node.value)
        found = self.resolver.type(node.type)
        return DYNAMIC if isinstance(expand(found), Unresolved) else found

    def _non_nil_value(self, node: lua.NonNil, expected: Type | None) -> Type:
        found = without_nil(self.value(node.value))
        return DYNAMIC if found is NEVER else found

    def _typeof_value(self, node: lua.TypeOf, expected: Type | None) -> Type:
        return TypeValue(self.value(node.value))

    # Types and modules

    def typeof(self, node: lua.Expression) -> Type:
        """Return the static type of an expression, widened."""
        found = self.value(node)
        if isinstance(found, List):
            return widen(found)
        return widen(found)

    def foreign(self, module: str, name: str, place: int) -> Type | Declaration | None:
        """Return a type of another module by the name it is written with."""
        required = self.required.get(module)
        if required is None:
            for symbol in self.bindings.symbols:
                if symbol.name == module and symbol in self.variables:
                    wanted = self.variables[symbol].module
                    if wanted is not None and symbol.start < place:
                        required = wanted
        found = self._modules(required or module)
        if found is None:
            return DYNAMIC
        known = found.types.get(name)
        if known is None and not found.complete:
            return DYNAMIC
        return known

    def imported(self, name: str) -> Type | Declaration | None:
        """Return a type that any required module exports."""
        if self._requires is None:
            found = find_requires(self.chunk)
            self._requires = list(dict.fromkeys(each[0].name for each in found))
        unknown = False
        for module_name in self._requires:
            module = self._modules(module_name)
            if module is None:
                unknown = True
            elif name in module.types:
                return module.types[name]
            elif not module.complete:
                unknown = True
        for module in self._library.ambient:
            if name in module.types:
                return module.types[name]
        return DYNAMIC if unknown else None

    def module_type(self, name: str) -> Type:
        """Return what ``require`` gives for a name."""
        module = self._modules(name)
        if module is None:
            return self._library.globals.get(name, DYNAMIC)
        return module.value

    def ambient_type(self, module: str, name: str) -> Type:
        """Return a type of a module that is always there."""
        for each in self._library.ambient:
            found = each.types.get(name)
            if each.name == module and found is not None:
                return found.apply() if isinstance(found, Declaration) else found
        return DYNAMIC

    def channel_of(self, value: Type) -> Type:
        """Return the type of a channel."""
        for each in self._library.ambient:
            found = each.types.get("Channel")
            if each.name == "channel" and isinstance(found, Declaration):
                return found.apply((value,))
        return DYNAMIC

    # What it exports

    def exports(self) -> dict[str, Type | Declaration]:
        """Return the top-level aliases and interfaces."""
        found: dict[str, Type | Declaration] = {}
        for node in self.chunk.notes.aliases:
            if node.top:
                made = self.resolver.scopes[0].get(node.name)
                if made is not None:
                    found[node.name] = made
        return found


def _mentions_metamethods(chunk: Chunk) -> bool:
    return "setmetatable" in chunk.tokens.words


_VALUES: Final[dict[type, Callable[[Checker, Any, Type | None], Type]]] = {
    lua.Constant: Checker._constant,
    lua.Name: Checker._name,
    lua.Field: Checker._field_value,
    lua.Index: Checker._index_value,
    lua.Call: Checker._call_value,
    lua.MethodCall: Checker._method_value,
    lua.Vararg: Checker._vararg_value,
    lua.Table: Checker._table_value,
    lua.Function: Checker._function_value,
    lua.Binary: Checker._binary_value,
    lua.Unary: Checker._unary_value,
    lua.Paren: Checker._paren_value,
    lua.Cast: Checker._cast_value,
    lua.NonNil: Checker._non_nil_value,
    lua.TypeOf: Checker._typeof_value,
}
