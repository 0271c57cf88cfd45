"""The tree of a template.

Every node that can fail knows its line.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

__all__ = [
    "Assign",
    "Binary",
    "Block",
    "BlockParameter",
    "Call",
    "Context",
    "Expression",
    "If",
    "Include",
    "Index",
    "Literal",
    "Not",
    "Parsed",
    "Placeholder",
    "Print",
    "Range",
    "Return",
    "Statement",
    "Ternary",
    "Try",
    "Unary",
    "Variable",
    "WriteText",
    "Yield",
]


# Expressions


class Literal(NamedTuple):
    """A number, text, boolean or nil."""

    value: Any


class Context(NamedTuple):
    """``.``, the current context."""

    line: int


class Variable(NamedTuple):
    """A name."""

    name: str
    line: int


class Index(NamedTuple):
    """``a.b`` and ``a[b]``; ``field`` tells which."""

    target: Expression
    key: Expression
    field: bool
    line: int


class SliceOf(NamedTuple):
    """``a[from:to]``."""

    target: Expression
    start: Expression | None
    stop: Expression | None
    line: int


class Call(NamedTuple):
    """A call, however it was written: ``f(a)``, ``f: a``, ``a | f``."""

    target: Expression
    arguments: tuple[Expression, ...]
    line: int


class Placeholder(NamedTuple):
    """``_`` among arguments: where the piped value goes."""

    line: int


class Unary(NamedTuple):
    """``-a``."""

    operand: Expression
    line: int


class Not(NamedTuple):
    """``!a`` and ``not a``."""

    operand: Expression
    line: int


class Binary(NamedTuple):
    """Two operands."""

    operator: str
    left: Expression
    right: Expression
    line: int


class Ternary(NamedTuple):
    """``c ? a : b``."""

    test: Expression
    yes: Expression
    no: Expression
    line: int


Expression: TypeAlias = (
    Literal
    | Context
    | Variable
    | Index
    | SliceOf
    | Call
    | Placeholder
    | Unary
    | Not
    | Binary
    | Ternary
)


# Statements


class WriteText(NamedTuple):
    """Text outside actions."""

    text: str
    line: int = 0


class Print(NamedTuple):
    """``{{ expression }}``."""

    value: Expression
    line: int


class Assign(NamedTuple):
    """``a := 1``, ``a, b = 1, 2``, ``v, ok := m["k"]``."""

    targets: tuple[Expression, ...]
    values: tuple[Expression, ...]
    declares: bool
    line: int


class If(NamedTuple):
    """``{{if}}``, with what is assigned before the condition."""

    setup: Assign | None
    test: Expression
    yes: list[Statement]
    no: list[Statement]
    line: int


class Range(NamedTuple):
    """``{{range}}``; ``names`` has none, one (index) or two (index, value)."""

    names: tuple[str, ...]
    declares: bool
    value: Expression
    body: list[Statement]
    empty: list[Statement]
    line: int


class Include(NamedTuple):
    """``{{include name context}}``."""

    name: Expression
    context: Expression | None
    line: int


class BlockParameter(NamedTuple):
    """A parameter of a block or yield, and its default or value."""

    name: str
    value: Expression | None


class Block(NamedTuple):
    """``{{block}}``: a definition, and a call where it stands."""

    name: str
    parameters: tuple[BlockParameter, ...]
    context: Expression | None
    body: list[Statement]
    content: list[Statement] | None
    line: int


class Yield(NamedTuple):
    """``{{yield name(...)}}``; an empty name is ``{{yield content}}``."""

    name: str
    parameters: tuple[BlockParameter, ...]
    context: Expression | None
    content: list[Statement] | None
    line: int


class Try(NamedTuple):
    """``{{try}}``, with the name that ``{{catch}}`` gives to the error."""

    body: list[Statement]
    error_name: str
    rescue: list[Statement]
    line: int


class Return(NamedTuple):
    """``{{return value}}``."""

    value: Expression
    line: int


Statement: TypeAlias = (
    WriteText | Print | Assign | If | Range | Include | Block | Yield | Try | Return
)


class Parsed(NamedTuple):
    """A template: its own blocks by name, and the files it builds on."""

    name: str
    body: list[Statement]
    blocks: dict[str, Block]
    extends: str | None
    imports: tuple[str, ...]
