"""The tree of an expression: what the parser makes and the compiler reads.

Every node knows the offset of the text that a complaint about it should point at.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

__all__ = [
    "Array",
    "Binary",
    "Call",
    "Chain",
    "Conditional",
    "Constant",
    "Let",
    "MapLiteral",
    "Member",
    "Method",
    "Name",
    "Node",
    "Pointer",
    "Predicate",
    "Sequence",
    "Slice",
    "Unary",
]


class Constant(NamedTuple):
    """A literal: nil, boolean, number or string."""

    value: int | float | str | bool | None
    offset: int


class Name(NamedTuple):
    """A variable: of ``let``, or of the environment."""

    name: str
    offset: int


class Pointer(NamedTuple):
    """``#``, ``#index`` or ``#acc`` inside a closure; ``name`` is what follows."""

    name: str
    offset: int


class Unary(NamedTuple):
    """``-``, ``+``, ``not`` before an operand."""

    operator: str
    operand: Node
    offset: int


class Binary(NamedTuple):
    """Two operands and the operator between them."""

    operator: str
    left: Node
    right: Node
    offset: int


class Conditional(NamedTuple):
    """``? :``, ``?:`` and ``if``."""

    test: Node
    yes: Node
    no: Node
    offset: int


class Array(NamedTuple):
    """``[a, b]``."""

    items: list[Node]
    offset: int


class MapLiteral(NamedTuple):
    """``{a: 1}``: pairs of key and value."""

    pairs: list[tuple[Node, Node]]
    offset: int


class Member(NamedTuple):
    """``a.b``, ``a[b]``, and their optional forms."""

    target: Node
    key: Node
    optional: bool
    offset: int


class Slice(NamedTuple):
    """``a[from:to]``."""

    target: Node
    start: Node | None
    stop: Node | None
    offset: int


class Chain(NamedTuple):
    """A run of members in which ``?.`` may end the whole run with nil."""

    body: Node
    offset: int


class Call(NamedTuple):
    """A built-in function by name."""

    name: str
    arguments: list[Node]
    offset: int


class Method(NamedTuple):
    """``value.Name(arguments)``."""

    target: Node
    name: str
    arguments: list[Node]
    optional: bool
    offset: int


class Predicate(NamedTuple):
    """The body of a closure given to ``filter`` and its kin."""

    body: Node
    offset: int


class Let(NamedTuple):
    """``let name = value; body``."""

    name: str
    value: Node
    body: Node
    offset: int


class Sequence(NamedTuple):
    """``a; b``: the value is the last one's."""

    items: list[Node]
    offset: int


Node: TypeAlias = (
    Constant
    | Name
    | Pointer
    | Unary
    | Binary
    | Conditional
    | Array
    | MapLiteral
    | Member
    | Slice
    | Chain
    | Call
    | Method
    | Predicate
    | Let
    | Sequence
)
