"""Who reads and writes which variable.

The parser knows whether a name is a variable; this walk knows which one, where it is
declared, read, assigned and captured. Lint rules and the checker need it; loading an
entry does not. Chains that a source may make as long as it likes (operators from the
left, suffixes, postfix types) are walked in loops, all else is as deep as the parser
allows.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, Final, Literal

from wippy_trio.lang import syntax as lua
from wippy_trio.lang import typesyntax as ty
from wippy_trio.lang.cursor import with_room

if TYPE_CHECKING:
    from collections.abc import Callable

    from wippy_trio.lang.parser import Chunk

__all__ = ["Bindings", "GlobalUse", "Symbol", "bind_chunk"]

Kind = Literal["local", "function", "parameter", "loop"]


class Symbol:
    """A variable of the source.

    Attributes:
      name: Its name.
      kind: How it is declared.
      start: Where the declaration of the name begins; ``self`` of a method has none of
        its own and begins where its function does.
      end: Where it ends.
      node: The declaring statement or function.
      function: The function it lives in.
      shadows: The variable of an enclosing scope that it hides.
      reads: Where it is read.
      writes: Where it is assigned after its declaration.
      mentions: Where a type names it: ``module.Type``, ``asserts parameter is Type``.
      own_reads: How many of the reads stand inside the function it names.
      captured: Whether an inner function uses it.
      written_inside: Whether an inner function assigns it.
      assigned_in_loop: Whether a loop entered after its declaration assigns it.
      in_type: Whether it qualifies a type, as in ``module.Type``.
    """

    __slots__ = (
        "assigned_in_loop",
        "captured",
        "depth",
        "end",
        "function",
        "in_type",
        "kind",
        "mentions",
        "name",
        "node",
        "own_reads",
        "reads",
        "shadows",
        "start",
        "writes",
        "written_inside",
    )

    def __init__(
        self,
        name: str,
        kind: Kind,
        node: lua.Node,
        function: lua.Function,
        depth: int,
        start: int,
        end: int,
    ) -> None:
        self.name = name
        self.kind = kind
        self.node = node
        self.function = function
        self.depth = depth
        self.start = start
        self.end = end
        self.shadows: Symbol | None = None
        self.reads: list[int] = []
        self.writes: list[int] = []
        self.mentions: list[int] = []
        self.own_reads = 0
        self.captured = False
        self.written_inside = False
        self.assigned_in_loop = False
        self.in_type = False

    def __repr__(self) -> str:
        return f"<{self.kind} {self.name} at {self.start}>"


class GlobalUse:
    """A name that no variable in scope has, where it is used."""

    __slots__ = ("name", "node", "written")

    def __init__(self, name: str, node: lua.Name, written: bool) -> None:
        self.name = name
        self.node = node
        self.written = written


class Bindings:
    """The variables of a chunk.

    Attributes:
      symbols: All variables, in order of declaration.
      uses: The variable that a name stands for, by where the name begins.
      globals: Uses of names that are no variables.
    """

    __slots__ = ("globals", "symbols", "uses")

    def __init__(self) -> None:
        self.symbols: list[Symbol] = []
        self.uses: dict[int, Symbol] = {}
        self.globals: list[GlobalUse] = []


def bind_chunk(chunk: Chunk) -> Bindings:
    """Resolve all names of a chunk."""
    return with_room(lambda: _Binder(chunk).run())


class _Binder:
    """One walk over the tree, with the scopes on the way."""

    __slots__ = ("bindings", "chunk", "depth", "function", "loops", "naming", "scopes")

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self.bindings = Bindings()
        self.scopes: list[dict[str, Symbol]] = []
        self.function = chunk.main
        self.depth = 0
        self.loops: list[int] = []
        self.naming: list[Symbol] = []

    def run(self) -> Bindings:
        """Walk the chunk."""
        self.scopes.append({})
        self._statements(self.chunk.main.body)
        self.scopes.pop()
        return self.bindings

    # Scopes

    def _declare(
        self, name: str, kind: Kind, node: lua.Node, start: int, end: int
    ) -> Symbol:
        symbol = Symbol(name, kind, node, self.function, self.depth, start, end)
        for scope in reversed(self.scopes[:-1]):
            if name in scope:
                symbol.shadows = scope[name]
                break
        self.scopes[-1][name] = symbol
        self.bindings.symbols.append(symbol)
        self.bindings.uses.setdefault(start, symbol)
        return symbol

    def _find(self, name: str) -> Symbol | None:
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        return None

    def _read(self, node: lua.Name) -> None:
        symbol = self._find(node.name)
        if symbol is None:
            self.bindings.globals.append(GlobalUse(node.name, node, False))
            return
        self.bindings.uses[node.start] = symbol
        symbol.reads.append(node.start)
        if symbol in self.naming:
            symbol.own_reads += 1
        if symbol.function is not self.function:
            symbol.captured = True

    def _write(self, node: lua.Name) -> None:
        symbol = self._find(node.name)
        if symbol is None:
            self.bindings.globals.append(GlobalUse(node.name, node, True))
            return
        self.bindings.uses[node.start] = symbol
        symbol.writes.append(node.start)
        if symbol.function is not self.function:
            symbol.captured = True
            symbol.written_inside = True
            symbol.assigned_in_loop = True
        elif self.loops and symbol.start < self.loops[-1]:
            symbol.assigned_in_loop = True

    # Statements

    def _block(self, block: lua.Block) -> None:
        self.scopes.append({})
        self._statements(block)
        self.scopes.pop()

    def _statements(self, block: lua.Block) -> None:
        for statement in block.statements:
            _STATEMENTS[statement.__class__](self, statement)

    def _local(self, node: lua.Local) -> None:
        for value in node.values:
            self._expression(value)
        for typed in node.names:
            self._type(typed.type)
        for typed in node.names:
            self._declare(typed.name, "local", node, typed.start, typed.end)

    def _local_function(self, node: lua.LocalFunction) -> None:
        name = node.name
        symbol = self._declare(name.name, "function", node, name.start, name.end)
        self.naming.append(symbol)
        self._function(node.function)
        self.naming.pop()

    def _function_statement(self, node: lua.FunctionStatement) -> None:
        target: lua.Expression = node.target
        if isinstance(target, lua.Name):
            self._write(target)
        else:
            self._expression(target)
        self._function(node.function)

    def _assign(self, node: lua.Assign) -> None:
        for value in node.values:
            self._expression(value)
        for target in node.targets:
            if isinstance(target, lua.Name):
                self._write(target)
            else:
                self._expression(target)

    def _call_statement(self, node: lua.CallStatement) -> None:
        self._expression(node.call)

    def _do(self, node: lua.Do) -> None:
        self._block(node.body)

    def _while(self, node: lua.While) -> None:
        self.loops.append(node.start)
        self._expression(node.condition)
        self._block(node.body)
        self.loops.pop()

    def _repeat(self, node: lua.Repeat) -> None:
        self.loops.append(node.start)
        self.scopes.append({})
        self._statements(node.body)
        self._expression(node.condition)
        self.scopes.pop()
        self.loops.pop()

    def _if(self, node: lua.If) -> None:
        for condition, block in node.branches:
            self._expression(condition)
            self._block(block)
        if node.otherwise is not None:
            self._block(node.otherwise)

    def _numeric_for(self, node: lua.NumericFor) -> None:
        for value in (node.first, node.limit, node.step):
            if value is not None:
                self._expression(value)
        self._for_body(node, [node.variable], node.body)

    def _generic_for(self, node: lua.GenericFor) -> None:
        for value in node.values:
            self._expression(value)
        self._for_body(node, node.names, node.body)

    def _for_body(
        self, node: lua.Node, names: list[lua.TypedName], body: lua.Block
    ) -> None:
        self.loops.append(node.start)
        self.scopes.append({})
        for typed in names:
            self._type(typed.type)
            self._declare(typed.name, "loop", node, typed.start, typed.end)
        self._statements(body)
        self.scopes.pop()
        self.loops.pop()

    def _return(self, node: lua.Return) -> None:
        for value in node.values:
            self._expression(value)

    def _nothing(self, node: lua.Node) -> None:
        """Visit a statement without names."""

    def _alias(self, node: lua.TypeAlias) -> None:
        self._generics(node.generics)
        self._type(node.type)

    def _interface(self, node: lua.Interface) -> None:
        for parent in node.parents:
            self._type(parent)
        for _, method in node.methods:
            self._type(method)

    # Expressions

    def _function(self, node: lua.Function) -> None:
        outer = self.function, self.loops
        self._generics(node.generics)
        for parameter in (*node.parameters, node.vararg):
            if parameter is not None:
                self._type(parameter.type)
        if node.returns is not None:
            for each in node.returns.types:
                self._type(each)
            if node.returns.asserts is not None:
                self._type(node.returns.asserts.type)
        self.function = node
        self.loops = []
        self.depth += 1
        self.scopes.append({})
        if node.has_self:
            symbol = Symbol(
                "self", "parameter", node, node, self.depth, node.start, node.start
            )
            self.scopes[-1]["self"] = symbol
            self.bindings.symbols.append(symbol)
        for parameter in node.parameters:
            self._declare(
                parameter.name, "parameter", node, parameter.start, parameter.end
            )
        if node.returns is not None and node.returns.asserts is not None:
            self._asserted(node.returns.asserts)
        self._statements(node.body)
        self.scopes.pop()
        self.depth -= 1
        self.function, self.loops = outer

    def _asserted(self, node: ty.AssertsType) -> None:
        """Note the parameter that a function asserts something of."""
        symbol = self.scopes[-1].get(node.name)
        tokens = self.chunk.tokens
        at = bisect_left(tokens.starts, node.start) + 1
        if symbol is not None and tokens.texts[at] == node.name:
            symbol.mentions.append(tokens.starts[at])

    def _expression(self, node: lua.Expression) -> None:
        """Visit an expression, following chains to the left in a loop."""
        pending: list[lua.Expression] = []
        while True:
            if isinstance(node, lua.Name):
                self._read(node)
                break
            if isinstance(node, (lua.Constant, lua.Vararg)):
                break
            if isinstance(node, lua.Field):
                node = node.base
            elif isinstance(node, lua.Call):
                pending.extend(reversed(node.arguments))
                node = node.function
            elif isinstance(node, lua.MethodCall):
                pending.extend(reversed(node.arguments))
                node = node.base
            elif isinstance(node, lua.Index):
                pending.append(node.key)
                node = node.base
            elif isinstance(node, lua.Binary):
                pending.append(node.right)
                node = node.left
            elif isinstance(node, lua.Unary):
                node = node.operand
            elif isinstance(node, lua.Paren):
                node = node.inner
            elif isinstance(node, lua.Cast):
                self._type(node.type)
                node = node.value
            elif isinstance(node, (lua.NonNil, lua.TypeOf)):
                node = node.value
            elif isinstance(node, lua.Table):
                for field in node.fields:
                    if field.key is not None:
                        self._expression(field.key)
                    self._expression(field.value)
                break
            else:
                self._function(node)
                break
        for later in reversed(pending):
            self._expression(later)

    # Types

    def _generics(self, parameters: list[ty.TypeParameter]) -> None:
        for parameter in parameters:
            self._type(parameter.constraint)

    def _type(self, node: ty.Type | None) -> None:
        """Visit a type for the modules and the expressions that it names."""
        pending = [node]
        while pending:
            node = pending.pop()
            if node is None or isinstance(node, ty.LiteralType):
                continue
            if isinstance(node, ty.TypeName):
                symbol = self._find(node.module) if node.module else None
                if symbol is not None:
                    symbol.in_type = True
                    symbol.mentions.append(node.start)
                pending.extend(node.arguments)
            elif isinstance(node, ty.TypeofType):
                self._expression(node.value)
            elif isinstance(node, ty.FunctionType):
                pending.extend(each.type for each in node.parameters)
                if node.variadic is not None:
                    pending.append(node.variadic.type)
                pending.extend(node.results or ())
                if node.asserts is not None:
                    pending.append(node.asserts.type)
            else:
                pending.extend(_parts(node))


def _parts(node: ty.Type) -> list[ty.Type]:
    """Return the types that a composed type is made of."""
    if isinstance(node, (ty.RecordType, ty.InterfaceType)):
        return [field.type for field in node.fields]
    if isinstance(node, (ty.UnionType, ty.IntersectionType)):
        return node.members
    if isinstance(node, ty.ArrayType):
        return [node.element]
    if isinstance(node, ty.MapType):
        return [node.key, node.value]
    if isinstance(node, ty.IndexType):
        return [node.base, node.key]
    if isinstance(node, ty.ConditionalType):
        return [node.subject, node.bound, node.then, node.otherwise]
    if isinstance(
        node, (ty.OptionalType, ty.ReadonlyType, ty.KeyofType, ty.ValidatedType)
    ):
        return [node.inner]
    return []


_STATEMENTS: Final[dict[type, Callable[[_Binder, Any], None]]] = {
    lua.Local: _Binder._local,
    lua.LocalFunction: _Binder._local_function,
    lua.FunctionStatement: _Binder._function_statement,
    lua.Assign: _Binder._assign,
    lua.CallStatement: _Binder._call_statement,
    lua.Do: _Binder._do,
    lua.While: _Binder._while,
    lua.Repeat: _Binder._repeat,
    lua.If: _Binder._if,
    lua.NumericFor: _Binder._numeric_for,
    lua.GenericFor: _Binder._generic_for,
    lua.Return: _Binder._return,
    lua.Break: _Binder._nothing,
    lua.Goto: _Binder._nothing,
    lua.Label: _Binder._nothing,
    lua.TypeAlias: _Binder._alias,
    lua.Interface: _Binder._interface,
}
