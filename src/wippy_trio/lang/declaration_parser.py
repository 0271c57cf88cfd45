"""The chapter of the parser that reads functions and declarations of types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wippy_trio.lang.expression_parser import ExpressionParser
from wippy_trio.lang.lexer import CONTEXTUAL
from wippy_trio.lang.syntax import (
    GLOBAL,
    LOCAL,
    Block,
    Field,
    Function,
    FunctionStatement,
    Interface,
    LocalFunction,
    LoopVariable,
    Name,
    Parameter,
    ReturnTypes,
    TypeAlias,
    TypedName,
)

if TYPE_CHECKING:
    from wippy_trio.lang.typesyntax import FunctionType, TypeName, TypeParameter

__all__ = ["DeclarationParser"]

_KEY = CONTEXTUAL | {"name"}


class DeclarationParser(ExpressionParser):
    """Reads functions, aliases and interfaces."""

    __slots__ = ()

    def block(self, function: Function | None = None, *, keep: bool = False) -> Block:
        """Parse statements; the chapter of statements does it."""
        raise NotImplementedError

    def assign(self, node: Name) -> None:
        """Note that a name is assigned."""
        binding = node.binding
        if binding is GLOBAL:
            self.notes.assigned[node.start] = node.name
        elif isinstance(binding, LoopVariable):
            binding.assigned = True

    def local_function(self, start: int, opening: int) -> LocalFunction:
        """Parse ``local function name`` from its second word on."""
        self.pos = opening + 1
        pos = self.expect_name()
        name = TypedName(self.texts[pos], None, LOCAL, self.starts[pos], self.ends[pos])
        self.declare(name.name, LOCAL)
        function = self.function_body(start, opening, False)
        return LocalFunction(name, function, start, function.end)

    def function_statement(self) -> FunctionStatement:
        """Parse ``function`` with a dotted name."""
        opening = self.pos
        start = self.starts[opening]
        self.pos = opening + 1
        pos = self.expect_name()
        kinds = self.kinds
        begin = self.starts[pos]
        name = self.texts[pos]
        binding = self.scope.get(name, GLOBAL)
        if binding is GLOBAL:
            root = self.global_name(pos, name)
        else:
            root = Name(name, binding, begin, self.ends[pos])
        target: Name | Field = root
        method = False
        while kinds[self.pos] in (".", ":") and not method:
            method = kinds[self.pos] == ":"
            self.pos += 1
            pos = self.pos
            if kinds[pos] not in _KEY:
                raise self.unexpected("expected name")
            target = Field(target, self.texts[pos], begin, self.ends[pos])
            self.pos = pos + 1
        self.operations += 1
        if target is root:
            self.assign(root)
        elif binding is GLOBAL:
            self.notes.assigned[begin] = ""
        function = self.function_body(start, opening, method)
        return FunctionStatement(target, method, function, start, function.end)

    def function_body(self, start: int, opening: int, has_self: bool) -> Function:
        """Parse type parameters, parameters, results, body and ``end``."""
        kinds = self.kinds
        generics: list[TypeParameter] = []
        if kinds[self.pos] == "<":
            generics = self.type_parameters()
        parenthesis = self.expect("(")
        parameters, vararg = self._parameters()
        self.close(")", parenthesis)
        body_start = self.ends[self.pos - 1]
        returns: ReturnTypes | None = None
        if kinds[self.pos] == ":":
            colon = self.starts[self.pos]
            self.pos += 1
            returns = self.return_types()
            body_start = returns.end
            self.notes.removed.append((colon, body_start))
        function = Function(
            generics, parameters, vararg, returns, has_self, body_start, start
        )
        outside = (
            self.calls,
            self.operations,
            self.loops,
            self.breaks,
            self.vararg,
            self.jumps,
        )
        self.calls = self.operations = 0
        self.loops = []
        self.breaks = None
        self.vararg = vararg is not None
        self.jumps = False
        undo = self.undo
        scope = self.scope
        mark = len(undo)
        if has_self:
            self.declare("self", LOCAL)
        for parameter in parameters:
            name = parameter.name
            undo.append((name, scope.get(name)))
            scope[name] = LOCAL
        self.depth += 1  # with the block's own, two: the virtual machine counts so
        function.body = self.block(function)
        self.depth -= 1
        if len(undo) > mark:
            self.leave(mark)
        self.close("end", opening)
        function.end = self.ends[self.pos - 1]
        function.loops = self.loops
        function.jumps = self.jumps
        (
            self.calls,
            self.operations,
            self.loops,
            self.breaks,
            self.vararg,
            self.jumps,
        ) = outside
        self.notes.functions.append(function)
        return function

    def _parameters(self) -> tuple[list[Parameter], Parameter | None]:
        kinds = self.kinds
        found: list[Parameter] = []
        while kinds[self.pos] != ")":
            pos = self.pos
            kind = kinds[pos]
            if kind != "name" and kind != "...":
                raise self.unexpected("expected parameter")
            self.pos = pos + 1
            annotation = None
            optional = False
            after = kinds[pos + 1]
            if after == ":":
                annotation = self.annotation()
            elif after == "?" and kind == "name":
                optional = True
                self.pos = pos + 2
                if kinds[self.pos] != ":":
                    raise self.unexpected("expected ':'")
                annotation = self.annotation()
                self.notes.removed.append((self.starts[pos + 1], self.ends[pos + 1]))
            parameter = Parameter(
                self.texts[pos], annotation, optional, self.starts[pos], self.ends[pos]
            )
            if kind == "...":
                return found, parameter
            found.append(parameter)
            if kinds[self.pos] != ",":
                break
            self.pos += 1
            if kinds[self.pos] == ")":
                raise self.unexpected("expected parameter")
        return found, None

    def alias(self) -> TypeAlias:
        """Parse ``type name = type``."""
        start = self.starts[self.pos]
        self.pos += 1
        pos = self.expect_name()
        name = self.texts[pos]
        generics: list[TypeParameter] = []
        if self.kinds[self.pos] == "<":
            generics = self.type_parameters()
        self.expect("=")
        target = self.type()
        end = self.ends[self.pos - 1]
        number = len(self.notes.aliases) + 1
        top = self.depth == 1
        node = TypeAlias(
            name, self.starts[pos], generics, target, top, number, start, end
        )
        self._declare_type(node)
        return node

    def interface(self) -> Interface:
        """Parse an interface with its methods."""
        opening = self.pos
        start = self.starts[opening]
        kinds = self.kinds
        self.pos = opening + 1
        pos = self.expect_name()
        parents: list[TypeName] = []
        if kinds[self.pos] == ":":
            self.pos += 1
            parents.append(self.type_name())
            while kinds[self.pos] == ",":
                self.pos += 1
                parents.append(self.type_name())
        methods: list[tuple[str, FunctionType]] = []
        while kinds[self.pos] == "function":
            begin = self.starts[self.pos]
            self.pos += 1
            key = self.pos
            if kinds[key] not in _KEY:
                raise self.unexpected("expected method name")
            self.pos = key + 1
            methods.append((self.texts[key], self.method_type(begin)))
        self.close("end", opening)
        number = len(self.notes.aliases) + 1
        top = self.depth == 1
        node = Interface(
            self.texts[pos],
            self.starts[pos],
            parents,
            methods,
            top,
            number,
            start,
            self.ends[self.pos - 1],
        )
        self._declare_type(node)
        return node

    def _declare_type(self, node: TypeAlias | Interface) -> None:
        self.notes.aliases.append(node)
        self.notes.dropped.append((node.start, node.end))
        if not node.top:
            self.inner_types.append(node)
