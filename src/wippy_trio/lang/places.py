"""Where in a source a name means what: declarations with the span that sees them.

The parser keeps its scopes only while it reads. Whoever asks later, and seldom, finds
here every declaration of a variable or a type with the part of the source where it is
visible; the innermost one that covers a place is what a name means there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wippy_trio.lang import syntax as lua
from wippy_trio.lang.strings import string_value
from wippy_trio.lang.walk import walk

if TYPE_CHECKING:
    from wippy_trio.lang.parser import Chunk
    from wippy_trio.lang.typesyntax import TypeParameter

__all__ = ["Declared", "Places", "required_name"]

Declaration = (
    lua.Local
    | lua.LocalFunction
    | lua.Parameter
    | lua.NumericFor
    | lua.GenericFor
    | lua.Function
)


class Declared(NamedTuple):
    """A variable: what declares it, and as the how-manieth name of it."""

    node: Declaration
    position: int


class Places:
    """The variables and types of a chunk, to be asked for by name and place."""

    __slots__ = ("_modules", "_types", "_variables", "exports")

    def __init__(self, chunk: Chunk) -> None:
        self._variables: dict[str, list[tuple[int, int, Declared]]] = {}
        self._types: dict[
            str, list[tuple[int, int, lua.TypeAlias | lua.Interface | None]]
        ] = {}
        self._modules: dict[str, str] = {}
        self.exports = {node.name: node for node in chunk.notes.aliases if node.top}
        for node in walk(chunk.main):
            if isinstance(node, lua.Block):
                self._block(node)
            elif isinstance(node, lua.Function):
                self._function(node)
            elif isinstance(node, lua.NumericFor):
                self._loop(node, [node.variable], node.body)
            elif isinstance(node, lua.GenericFor):
                self._loop(node, node.names, node.body)

    def variable(self, name: str, place: int) -> Declared | None:
        """Find the variable that a name stands for."""
        found: Declared | None = None
        inner = -1
        for start, end, declared in self._variables.get(name, ()):
            if start <= place < end and start >= inner:
                found, inner = declared, start
        return found

    def type(
        self, name: str, place: int
    ) -> tuple[bool, lua.TypeAlias | lua.Interface | None]:
        """Find the type that a name stands for: whether there is one, and which.

        A type parameter of an enclosing function is one that nothing declares.
        """
        found = self.exports.get(name)
        known = found is not None
        inner = -1
        for start, end, node in self._types.get(name, ()):
            if start <= place < end and start >= inner:
                known, found, inner = True, node, start
        return known, found

    def module(self, name: str, place: int) -> str:
        """Tell which module a qualifier names: its own name if no variable does."""
        declared = self.variable(name, place)
        if declared is not None and isinstance(declared.node, lua.Local):
            values = declared.node.values
            if declared.position < len(values):
                required = required_name(values[declared.position])
                if required is not None:
                    return required
        return self._modules.get(name, name)

    def modules(self) -> list[str]:
        """List the modules that variables are bound to, in order."""
        return list(dict.fromkeys(self._modules.values()))

    def _block(self, block: lua.Block) -> None:
        for node in block.statements:
            if isinstance(node, lua.Local):
                for position, typed in enumerate(node.names):
                    declared = Declared(node, position)
                    self._declare(typed.name, node.end, block.end, declared)
                    if position < len(node.values):
                        required = required_name(node.values[position])
                        if required is not None:
                            self._modules.setdefault(typed.name, required)
            elif isinstance(node, lua.LocalFunction):
                name = node.name.name
                self._declare(name, node.start, block.end, Declared(node, 0))
            elif isinstance(node, (lua.TypeAlias, lua.Interface)) and not node.top:
                spans = self._types.setdefault(node.name, [])
                spans.append((node.start, block.end, node))

    def _function(self, node: lua.Function) -> None:
        body = node.body
        for position, parameter in enumerate(node.parameters):
            declared = Declared(parameter, position)
            self._declare(parameter.name, body.start, body.end, declared)
        if node.has_self:
            self._declare("self", body.start, body.end, Declared(node, 0))
        self._parameters(node.generics, node.start, node.end)

    def _loop(
        self,
        node: lua.NumericFor | lua.GenericFor,
        names: list[lua.TypedName],
        body: lua.Block,
    ) -> None:
        for position, typed in enumerate(names):
            declared = Declared(node, position)
            self._declare(typed.name, body.start, body.end, declared)

    def _declare(self, name: str, start: int, end: int, declared: Declared) -> None:
        # What begins where its block ends is in nobody's sight, but the last block of
        # all ends at the last byte: a place after everything belongs to it.
        self._variables.setdefault(name, []).append((start, end + 1, declared))

    def _parameters(self, generics: list[TypeParameter], start: int, end: int) -> None:
        for parameter in generics:
            self._types.setdefault(parameter.name, []).append((start, end, None))


def required_name(value: lua.Expression) -> str | None:
    """Tell which module an expression is a plain ``require`` of."""
    while isinstance(value, (lua.Paren, lua.Cast, lua.NonNil)):
        value = value.inner if isinstance(value, lua.Paren) else value.value
    if (
        isinstance(value, lua.Call)
        and isinstance(value.function, lua.Name)
        and value.function.name == "require"
        and value.function.binding is lua.GLOBAL
        and len(value.arguments) == 1
        and isinstance(value.arguments[0], lua.Constant)
        and value.arguments[0].kind == "string"
    ):
        return string_value(value.arguments[0].text).decode("utf-8", "replace")
    return None
