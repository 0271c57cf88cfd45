"""The tree of a source: nodes, what names stand for, expressions; see ``syntax``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from wippy_trio.lang.statements import Block, Loop
    from wippy_trio.lang.typesyntax import (
        AssertsType,
        Type,
        TypeParameter,
    )

__all__ = [
    "GLOBAL",
    "LOCAL",
    "Binary",
    "Binding",
    "Call",
    "Cast",
    "Constant",
    "Expression",
    "Field",
    "Function",
    "Index",
    "LoopVariable",
    "MethodCall",
    "Name",
    "Node",
    "NonNil",
    "Parameter",
    "Paren",
    "ReturnTypes",
    "Table",
    "TableField",
    "TypeOf",
    "TypedName",
    "Unary",
    "Vararg",
]


class Node:
    """A piece of the source from ``start`` up to ``end``."""

    __slots__ = ("end", "start")

    start: int
    end: int


class Binding:
    """What a name in an expression stands for, as far as the parser cares."""

    __slots__ = ("label",)

    def __init__(self, label: str) -> None:
        self.label = label

    def __repr__(self) -> str:
        return f"<{self.label}>"


class LoopVariable(Binding):
    """A variable of a ``for``; ``assigned`` once its body assigns it.

    ``counts`` says that it is the one of a numeric loop.
    """

    __slots__ = ("assigned", "counts", "never_nil")

    def __init__(self, never_nil: bool) -> None:
        super().__init__("loop variable")
        self.assigned = False
        self.never_nil = never_nil
        self.counts = False


LOCAL: Final = Binding("local")
"""A local variable or a parameter."""

GLOBAL: Final = Binding("global")
"""No variable in scope has the name."""


class Constant(Node):
    """``nil``, ``true``, ``false``, a number or a string, as written.

    ``kind`` is the word itself, ``number`` or ``string``.
    """

    __slots__ = ("kind", "text")

    def __init__(self, kind: str, text: str, start: int, end: int) -> None:
        self.kind = kind
        self.text = text
        self.start = start
        self.end = end


class Vararg(Node):
    """``...`` in an expression."""

    __slots__ = ()

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end


class Name(Node):
    """A variable, read or assigned."""

    __slots__ = ("binding", "name")

    def __init__(self, name: str, binding: Binding, start: int, end: int) -> None:
        self.name = name
        self.binding = binding
        self.start = start
        self.end = end


class Field(Node):
    """``base.name``; the name is the last thing in the span."""

    __slots__ = ("base", "name")

    def __init__(self, base: Expression, name: str, start: int, end: int) -> None:
        self.base = base
        self.name = name
        self.start = start
        self.end = end

    @property
    def name_start(self) -> int:
        """Where the name begins."""
        return self.end - len(self.name)


class Index(Node):
    """``base[key]``."""

    __slots__ = ("base", "key")

    def __init__(
        self,
        base: Expression,
        key: Expression,
        start: int,
        end: int,
    ) -> None:
        self.base = base
        self.key = key
        self.start = start
        self.end = end


class Call(Node):
    """``function(arguments)``, also with a string or a table as the only argument."""

    __slots__ = ("arguments", "function")

    def __init__(
        self,
        function: Expression,
        arguments: list[Expression],
        start: int,
        end: int,
    ) -> None:
        self.function = function
        self.arguments = arguments
        self.start = start
        self.end = end


class MethodCall(Node):
    """``base:name(arguments)``."""

    __slots__ = ("arguments", "base", "name", "name_start")

    def __init__(
        self,
        base: Expression,
        name: str,
        name_start: int,
        arguments: list[Expression],
        start: int,
        end: int,
    ) -> None:
        self.base = base
        self.name = name
        self.name_start = name_start
        self.arguments = arguments
        self.start = start
        self.end = end


class TableField(Node):
    """An element of a constructor.

    ``name = value`` has a name, ``[key] = value`` a key, a plain value neither.
    """

    __slots__ = ("key", "name", "value")

    def __init__(
        self,
        name: str | None,
        key: Expression | None,
        value: Expression,
        start: int,
        end: int,
    ) -> None:
        self.name = name
        self.key = key
        self.value = value
        self.start = start
        self.end = end


class Table(Node):
    """``{...}``."""

    __slots__ = ("fields",)

    def __init__(self, fields: list[TableField], start: int, end: int) -> None:
        self.fields = fields
        self.start = start
        self.end = end


class Binary(Node):
    """``left operator right``."""

    __slots__ = ("left", "operator", "operator_start", "right")

    def __init__(
        self,
        operator: str,
        left: Expression,
        right: Expression,
        operator_start: int,
        start: int,
        end: int,
    ) -> None:
        self.operator = operator
        self.left = left
        self.right = right
        self.operator_start = operator_start
        self.start = start
        self.end = end


class Unary(Node):
    """``not``, ``#``, ``-`` or ``~`` before an operand."""

    __slots__ = ("operand", "operator")

    def __init__(
        self, operator: str, operand: Expression, start: int, end: int
    ) -> None:
        self.operator = operator
        self.operand = operand
        self.start = start
        self.end = end


class Paren(Node):
    """``(inner)``: one value of it."""

    __slots__ = ("inner",)

    def __init__(self, inner: Expression, start: int, end: int) -> None:
        self.inner = inner
        self.start = start
        self.end = end


class Cast(Node):
    """``value as type`` or ``value :: type``."""

    __slots__ = ("type", "value")

    def __init__(
        self, value: Expression, annotation: Type, start: int, end: int
    ) -> None:
        self.value = value
        self.type = annotation
        self.start = start
        self.end = end


class NonNil(Node):
    """``value!``."""

    __slots__ = ("value",)

    def __init__(self, value: Expression, start: int, end: int) -> None:
        self.value = value
        self.start = start
        self.end = end


class TypeOf(Node):
    """``typeof(value)`` as an expression."""

    __slots__ = ("value",)

    def __init__(self, value: Expression, start: int, end: int) -> None:
        self.value = value
        self.start = start
        self.end = end


class TypedName(Node):
    """A declared name with its annotation; the span is the name's own."""

    __slots__ = ("binding", "name", "type")

    def __init__(
        self,
        name: str,
        annotation: Type | None,
        binding: Binding,
        start: int,
        end: int,
    ) -> None:
        self.name = name
        self.type = annotation
        self.binding = binding
        self.start = start
        self.end = end


class Parameter(Node):
    """A parameter; the vararg has the name ``...``; the span is the name's own.

    ``optional`` is the mark of ``name?: type``.
    """

    __slots__ = ("name", "optional", "type")

    def __init__(
        self,
        name: str,
        annotation: Type | None,
        optional: bool,
        start: int,
        end: int,
    ) -> None:
        self.name = name
        self.type = annotation
        self.optional = optional
        self.start = start
        self.end = end


class ReturnTypes(Node):
    """The annotation of what a function returns: a list, or one ``asserts``."""

    __slots__ = ("asserts", "types")

    def __init__(
        self, types: list[Type], asserts: AssertsType | None, start: int, end: int
    ) -> None:
        self.types = types
        self.asserts = asserts
        self.start = start
        self.end = end


class Function(Node):
    """Parameters and body of a function, or of the whole chunk.

    Attributes:
      body_start: Where the body may get a first statement.
      check: Where the entry check of the budget goes; -1 if it needs none.
      loops: The loops of this function, inner ones first, nested functions apart.
      jumps: Whether it has a label or a goto.
    """

    __slots__ = (
        "body",
        "body_start",
        "check",
        "generics",
        "has_self",
        "jumps",
        "loops",
        "parameters",
        "returns",
        "vararg",
    )

    body: Block
    end: int

    def __init__(
        self,
        generics: list[TypeParameter],
        parameters: list[Parameter],
        vararg: Parameter | None,
        returns: ReturnTypes | None,
        has_self: bool,
        body_start: int,
        start: int,
    ) -> None:
        self.generics = generics
        self.parameters = parameters
        self.vararg = vararg
        self.returns = returns
        self.has_self = has_self
        self.body_start = body_start
        self.start = start
        self.check = -1
        self.loops: list[Loop] = []
        self.jumps = False


Expression = (
    Constant
    | Vararg
    | Name
    | Field
    | Index
    | Call
    | MethodCall
    | Table
    | Function
    | Binary
    | Unary
    | Paren
    | Cast
    | NonNil
    | TypeOf
)
