"""The tree of a source: statements, and the nodes around them; see ``syntax``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wippy_trio.lang.expressions import Node

if TYPE_CHECKING:
    from wippy_trio.lang.expressions import (
        Call,
        Expression,
        Field,
        Function,
        Index,
        MethodCall,
        Name,
        TypedName,
    )
    from wippy_trio.lang.typesyntax import (
        FunctionType,
        Type,
        TypeName,
        TypeParameter,
    )

__all__ = [
    "Assign",
    "Block",
    "Break",
    "CallStatement",
    "Do",
    "FunctionStatement",
    "GenericFor",
    "Goto",
    "If",
    "Interface",
    "Label",
    "Local",
    "LocalFunction",
    "Loop",
    "NumericFor",
    "Repeat",
    "Return",
    "Statement",
    "TypeAlias",
    "While",
]


class Block(Node):
    """Statements in order; empty statements are not kept."""

    __slots__ = ("statements",)

    def __init__(self, statements: list[Statement], start: int, end: int) -> None:
        self.statements = statements
        self.start = start
        self.end = end


class Local(Node):
    """``local names = values``."""

    __slots__ = ("names", "values")

    def __init__(
        self,
        names: list[TypedName],
        values: list[Expression],
        start: int,
        end: int,
    ) -> None:
        self.names = names
        self.values = values
        self.start = start
        self.end = end


class LocalFunction(Node):
    """``local function name ... end``."""

    __slots__ = ("function", "name")

    def __init__(
        self, name: TypedName, function: Function, start: int, end: int
    ) -> None:
        self.name = name
        self.function = function
        self.start = start
        self.end = end


class FunctionStatement(Node):
    """``function target ... end``; ``method`` if the last part came after a colon."""

    __slots__ = ("function", "method", "target")

    def __init__(
        self,
        target: Name | Field,
        method: bool,
        function: Function,
        start: int,
        end: int,
    ) -> None:
        self.target = target
        self.method = method
        self.function = function
        self.start = start
        self.end = end


class Assign(Node):
    """``targets = values``."""

    __slots__ = ("targets", "values")

    def __init__(
        self,
        targets: list[Name | Field | Index],
        values: list[Expression],
        start: int,
        end: int,
    ) -> None:
        self.targets = targets
        self.values = values
        self.start = start
        self.end = end


class CallStatement(Node):
    """A call whose results are dropped."""

    __slots__ = ("call",)

    def __init__(self, call: Call | MethodCall, start: int, end: int) -> None:
        self.call = call
        self.start = start
        self.end = end


class Do(Node):
    """``do body end``."""

    __slots__ = ("body",)

    def __init__(self, body: Block, start: int, end: int) -> None:
        self.body = body
        self.start = start
        self.end = end


class While(Node):
    """``while condition do body end``."""

    __slots__ = ("body", "condition")

    def __init__(
        self, condition: Expression, body: Block, start: int, end: int
    ) -> None:
        self.condition = condition
        self.body = body
        self.start = start
        self.end = end


class Repeat(Node):
    """``repeat body until condition``."""

    __slots__ = ("body", "condition")

    def __init__(
        self, body: Block, condition: Expression, start: int, end: int
    ) -> None:
        self.body = body
        self.condition = condition
        self.start = start
        self.end = end


class If(Node):
    """``if``, any number of ``elseif``, and the ``else`` block if there is one."""

    __slots__ = ("branches", "otherwise")

    def __init__(
        self,
        branches: list[tuple[Expression, Block]],
        otherwise: Block | None,
        start: int,
        end: int,
    ) -> None:
        self.branches = branches
        self.otherwise = otherwise
        self.start = start
        self.end = end


class NumericFor(Node):
    """``for variable = first, limit, step do body end``.

    Attributes:
      calls: Whether the body calls anything.
      inner: Whether a loop stands in the body.
      breaks: Where each ``break`` of this very loop begins.
    """

    __slots__ = (
        "body",
        "breaks",
        "calls",
        "first",
        "inner",
        "limit",
        "step",
        "variable",
    )

    def __init__(
        self,
        variable: TypedName,
        first: Expression,
        limit: Expression,
        step: Expression | None,
        body: Block,
        start: int,
        end: int,
    ) -> None:
        self.variable = variable
        self.first = first
        self.limit = limit
        self.step = step
        self.body = body
        self.start = start
        self.end = end
        self.calls = True
        self.inner = True
        self.breaks: list[int] = []


class GenericFor(Node):
    """``for names in values do body end``."""

    __slots__ = ("body", "names", "values")

    def __init__(
        self,
        names: list[TypedName],
        values: list[Expression],
        body: Block,
        start: int,
        end: int,
    ) -> None:
        self.names = names
        self.values = values
        self.body = body
        self.start = start
        self.end = end


class Return(Node):
    """``return values``."""

    __slots__ = ("values",)

    def __init__(self, values: list[Expression], start: int, end: int) -> None:
        self.values = values
        self.start = start
        self.end = end


class Break(Node):
    """``break``."""

    __slots__ = ()

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end


class Goto(Node):
    """``goto name``."""

    __slots__ = ("name",)

    def __init__(self, name: str, start: int, end: int) -> None:
        self.name = name
        self.start = start
        self.end = end


class Label(Node):
    """``::name::``."""

    __slots__ = ("name",)

    def __init__(self, name: str, start: int, end: int) -> None:
        self.name = name
        self.start = start
        self.end = end


class TypeAlias(Node):
    """``type name<generics> = type``.

    ``pool`` is its number in the chunk's pool of types, ``top`` whether it is exported.
    """

    __slots__ = ("generics", "name", "name_start", "pool", "top", "type")

    def __init__(
        self,
        name: str,
        name_start: int,
        generics: list[TypeParameter],
        annotation: Type,
        top: bool,
        pool: int,
        start: int,
        end: int,
    ) -> None:
        self.name = name
        self.name_start = name_start
        self.generics = generics
        self.type = annotation
        self.top = top
        self.pool = pool
        self.start = start
        self.end = end


class Interface(Node):
    """``interface name: parents ... end``, methods as function types."""

    __slots__ = ("methods", "name", "name_start", "parents", "pool", "top")

    def __init__(
        self,
        name: str,
        name_start: int,
        parents: list[TypeName],
        methods: list[tuple[str, FunctionType]],
        top: bool,
        pool: int,
        start: int,
        end: int,
    ) -> None:
        self.name = name
        self.name_start = name_start
        self.parents = parents
        self.methods = methods
        self.top = top
        self.pool = pool
        self.start = start
        self.end = end


Loop = While | Repeat | NumericFor | GenericFor

Statement = (
    Local
    | LocalFunction
    | FunctionStatement
    | Assign
    | CallStatement
    | Do
    | While
    | Repeat
    | If
    | NumericFor
    | GenericFor
    | Return
    | Break
    | Goto
    | Label
    | TypeAlias
    | Interface
)
